import { delimiter, dirname, join } from "node:path";
import { cleanEnvironment } from "../config/environment.ts";
import type { ResolvedConfig } from "../config/resolve.ts";
import type { Redact, Redactor } from "../errors/redact.ts";
import { checkedState, checkedTexts } from "../plugin/answers.ts";
import type { AppConfig, Context, NodeRuntime } from "../plugin/contexts.ts";
import { demand, shown } from "../plugin/odd-answer.ts";
import type { Clock } from "../ports/clock.ts";
import type { FileSystem } from "../ports/file-system.ts";
import { cutLine } from "../ports/output-lines.ts";
import type { ProcessRunner } from "../ports/process-runner.ts";
import type { ProcessTable } from "../ports/process-table.ts";
import { type Layout, layout } from "../release/layout.ts";
import type { ReleaseRecord, RunStore } from "../store/run-store.ts";
import { type Reporter, type RunEvent, tellAll } from "./events.ts";
import type { ReleaseInfo } from "./release.ts";
import { RUN_VARIABLE, runMark } from "./run-mark.ts";
import { siteRedactor } from "./site-redactor.ts";
import type { StageName } from "./stages.ts";

/** What is needed from outside. */
export interface Ports {
  readonly clock: Clock;
  readonly fs: FileSystem;
  readonly runner: ProcessRunner;
  readonly processes: ProcessTable;
}

export interface SessionInit {
  readonly resolved: ResolvedConfig;
  readonly ports: Ports;
  readonly store: RunStore;
  readonly run: Context["run"];
  readonly signal: AbortSignal;
  readonly reporters: readonly Reporter[];
  /** The deployer's own environment. */
  readonly environment: Readonly<Record<string, string | undefined>>;
}

type EventBody = RunEvent extends infer Event ? (Event extends RunEvent ? Omit<Event, "at" | "run"> : never) : never;

/** What one run shares with all its steps: ports, store, events, the Node to use and a clean environment. */
export class Session {
  readonly resolved: ResolvedConfig;
  readonly config: AppConfig;
  readonly paths: Layout;
  readonly ports: Ports;
  readonly store: RunStore;
  readonly run: Context["run"];
  readonly signal: AbortSignal;
  readonly redact: Redact;
  readonly warnings: string[] = [];
  /** The stage that the run has come to. */
  stage: StageName | undefined;
  node: NodeRuntime = { path: process.execPath, reason: "it runs the deployer" };
  readonly #redactor: Redactor;
  readonly #reporters: readonly Reporter[];
  readonly #failing = new Set<Reporter>();
  readonly #environment: Record<string, string>;

  constructor(init: SessionInit) {
    this.resolved = init.resolved;
    this.config = init.resolved.config;
    this.paths = layout(this.config.root);
    this.ports = init.ports;
    this.store = init.store;
    this.run = init.run;
    this.signal = init.signal;
    this.#redactor = siteRedactor(init.resolved, init.environment);
    this.redact = this.#redactor.redact;
    this.#reporters = init.reporters;
    this.#environment = cleanEnvironment(init.environment, init.resolved.env);
  }

  get env(): Record<string, string> {
    const path = [dirname(this.node.path), this.#environment.PATH].filter(Boolean).join(delimiter);
    return { ...this.#environment, PATH: path, [RUN_VARIABLE]: runMark(this.run.id, this.stage) };
  }

  emit(event: EventBody): void {
    const whole = { at: this.ports.clock.now(), run: this.run.id, ...event } as RunEvent;
    tellAll(this.#reporters, whole, (reporter, error) => this.#tellFailure(reporter, error));
  }

  /** Once: a log on a full disk fails at each event. */
  #tellFailure(reporter: Reporter, error: unknown): void {
    if (this.#failing.has(reporter)) return;
    this.#failing.add(reporter);
    this.warn(`A listener failed, so that what it tells or writes down is incomplete: ${String(error)}.`);
  }

  warn(text: string, step?: string): void {
    const clean = this.redact(text);
    this.warnings.push(clean);
    this.emit({ type: "warning", text: clean, ...(step === undefined ? {} : { step }) });
  }

  info(text: string, step?: string): void {
    this.emit({ type: "info", text: this.redact(text), ...(step === undefined ? {} : { step }) });
  }

  /** A release of the store with its paths. */
  releaseInfo(record: ReleaseRecord): ReleaseInfo {
    const path = join(this.paths.releases, record.id);
    return {
      id: record.id,
      revision: record.revision,
      path,
      appPath: join(path, this.config.directory),
      sequence: record.sequence,
    };
  }

  /** What a handler of one plugin receives. `waited` hears of chosen waits. */
  context(
    plugin: string,
    step?: { readonly name: string; output(line: string): void; waited(ms: number): void },
  ): Context {
    const { clock } = this.ports;
    const session = this;
    const clean = this.#redactor.lines();
    return {
      config: this.config,
      paths: this.paths,
      run: this.run,
      ...this.ports,
      signal: this.signal,
      redact: this.redact,
      get node() {
        return session.node;
      },
      get env() {
        return session.env;
      },
      state: checkedState(this.store.pluginState(plugin)),
      info: (text) => {
        checkedTexts("info", text);
        this.info(text, step?.name);
      },
      warn: (text) => {
        checkedTexts("warn", text);
        this.warn(text, step?.name);
      },
      output: (line) => {
        demand(typeof line === "string", `output must be given a line of text, not ${shown(line)}`);
        step?.output(cutLine(clean(line)));
      },
      wait: async (ms) => {
        demand(Number.isFinite(ms) && ms >= 0, `wait must be given milliseconds, not ${shown(ms)}`);
        const began = clock.elapsed();
        await clock.sleep(ms, this.signal);
        step?.waited(clock.elapsed() - began);
      },
    };
  }
}

/** Adds to a context without reading its getters, which follow the session. */
export function extend<Extra extends object>(context: Context, extra: Extra): Context & Extra {
  const both = { ...Object.getOwnPropertyDescriptors(context), ...Object.getOwnPropertyDescriptors(extra) };
  return Object.defineProperties({}, both) as Context & Extra;
}
