import type { Context } from "../plugin/contexts.ts";
import type { StepRecord } from "../store/run-store.ts";
import { fromPlugin } from "./from-plugin.ts";
import type { StageCall } from "./hooks.ts";
import { extend, type Session } from "./session.ts";
import type { StageName } from "./stages.ts";

export interface StageRecord {
  readonly name: StageName;
  readonly milliseconds: number;
  readonly outcome: "ok" | "failed";
}

/** Times and tells stages and their steps, and begins none after an interruption. */
export class StageRunner {
  readonly stages: StageRecord[] = [];
  readonly #session: Session;
  #waiting: StepRecord[] | undefined = [];

  constructor(session: Session) {
    this.#session = session;
  }

  /** From here the run stands in the store; what was done before it is written now. */
  begin(): void {
    const waiting = this.#waiting ?? [];
    this.#waiting = undefined;
    for (const step of waiting) this.#addStep(step);
  }

  async stage<T>(stage: StageName, work: () => Promise<T>): Promise<T> {
    const { clock } = this.#session.ports;
    const began = clock.elapsed();
    const end = (outcome: "ok" | "failed"): void => {
      const milliseconds = Math.round(clock.elapsed() - began);
      this.stages.push({ name: stage, milliseconds, outcome });
      this.#session.emit({ type: "stage:end", stage, outcome, milliseconds });
    };
    this.#session.signal.throwIfAborted();
    this.#session.stage = stage;
    this.#session.store.enterStage(this.#session.run.id, stage);
    this.#session.emit({ type: "stage:start", stage });
    return ended(work, end);
  }

  /** For a hook: gives each handler a context of its own, `extra` included, and looks at what it answers. */
  call<C extends Context>(stage: StageName, extra: object | ((plugin: string) => object)): StageCall<C> {
    const { clock } = this.#session.ports;
    return {
      step: async (plugin, step, handler, check = (answer) => answer) => {
        this.#session.signal.throwIfAborted();
        const began = clock.elapsed();
        let waitedMs = 0;
        const context = this.#session.context(plugin, {
          name: step,
          output: (line) => this.#session.emit({ type: "step:output", stage, step, line }),
          waited: (ms) => {
            waitedMs += ms;
          },
        });
        const end = (outcome: "ok" | "failed"): void => {
          const milliseconds = Math.round(clock.elapsed() - began);
          this.#session.emit({ type: "step:end", stage, step, outcome, milliseconds, waitedMs: Math.round(waitedMs) });
          this.#addStep({ stage, step, outcome, milliseconds, waitedMs });
        };
        this.#session.emit({ type: "step:start", stage, step });
        const whole = extend(context, typeof extra === "function" ? extra(plugin) : extra) as unknown as C;
        return ended(() => fromPlugin({ plugin, stage, step }, async () => check(await handler(whole))), end);
      },
    };
  }

  #addStep(step: StepRecord): void {
    if (this.#waiting === undefined) this.#session.store.addStep(this.#session.run.id, step);
    else this.#waiting.push(step);
  }
}

async function ended<T>(work: () => Promise<T>, end: (outcome: "ok" | "failed") => void): Promise<T> {
  let result: T;
  try {
    result = await work();
  } catch (error) {
    try {
      end("failed");
    } catch {
      // A store that takes nothing any more must not hide why the work failed.
    }
    throw error;
  }
  end("ok");
  return result;
}
