import { extname, join } from "node:path";
import type { Clock, Context } from "@deployer/core";
import type { ChildLine, ChildStep } from "./child-report.ts";
import type { AppDatabase } from "./databases.ts";
import { drizzleError } from "./errors.ts";
import type { Place } from "./migration-error.ts";
import { stepError } from "./step-error.ts";

/** How long one statement, or a setup module, may take on a few rows or none. */
export const SMALL_STEP_MS = 60_000;

/** How a child process answered, or the exit code with which it ended without an answer. */
export type ChildAnswer<T> =
  | { readonly answer: readonly T[] }
  | { readonly answer?: undefined; readonly ended: string; readonly tail: string };

/** What a child does, and for how long each of its steps may go on. */
export interface ChildWork {
  readonly script: "judge-child" | "rehearsal-child" | "schema-child";
  readonly input: unknown;
  readonly cwd: string;
  readonly stepMs: number;
  readonly on: Place;
  readonly databases: readonly Pick<AppDatabase, "name" | "path">[];
}

type ChildContext = Pick<Context, "runner" | "env" | "signal" | "redact" | "clock">;

/**
 * Runs SQL of a repository, and its setup module, in a process of its own: whatever they do ends with that process, and
 * no signal to the run waits for them. JSON in; lines that say which step begins, and one line of JSON, a list, out.
 * @throws ERR_MIGRATION_ENDLESS when a step takes too long, ERR_MIGRATION_DIED when the process is killed
 */
export async function runSqlChild<T>(work: ChildWork, context: ChildContext): Promise<ChildAnswer<T>> {
  const { runner, env, signal, redact, clock } = context;
  let answer: readonly T[] | undefined;
  using watch = watchSteps(work.stepMs, clock);
  const child = await runner.run({
    file: process.execPath,
    args: [childPath(work.script), String(process.pid)],
    cwd: work.cwd,
    env,
    signal: AbortSignal.any([signal, watch.tooLong]),
    input: JSON.stringify(work.input),
    onLine(line) {
      const said = parse<T>(line);
      if (said !== undefined && "at" in said) watch.begin(said.at);
      else if (said !== undefined) answer = said.answer;
    },
  });
  signal.throwIfAborted();
  if (child.ok && answer !== undefined) return { answer };
  const at = watch.at;
  if (watch.tooLong.aborted && at !== null) throw stepError(at, work, redact);
  const tail = redact(child.tail.filter((line) => parse(line) === undefined).join("\n"));
  if (child.exitSignal !== null) throw killed(work, child.exitSignal, tail);
  return { ended: `exit code ${child.exitCode}`, tail };
}

// Beside this file, in the sources as in what was built from them.
function childPath(script: ChildWork["script"]): string {
  return join(import.meta.dirname, `${script}${extname(import.meta.filename)}`);
}

interface StepWatch extends Disposable {
  /** Aborted when a step has gone on for too long. */
  readonly tooLong: AbortSignal;
  readonly at: ChildStep | null;
  begin(step: ChildStep | null): void;
}

/** The time runs only while a step does: copying a database takes what it takes. */
function watchSteps(stepMs: number, clock: Pick<Clock, "elapsed" | "sleep">): StepWatch {
  const done = new AbortController();
  const stop = new AbortController();
  let at: ChildStep | null = null;
  let since = 0;
  const leftMs = (): number => (at === null ? stepMs : since + stepMs - clock.elapsed());
  const watch = async (): Promise<void> => {
    while (leftMs() > 0) await clock.sleep(leftMs(), done.signal);
    stop.abort();
  };
  watch().catch(() => undefined); // the work is done
  return {
    tooLong: stop.signal,
    get at() {
      return at;
    },
    begin(step) {
      at = step;
      since = clock.elapsed();
    },
    [Symbol.dispose]: () => done.abort(),
  };
}

/** Lines of a setup module, and Node's warnings, may stand between those of the child. */
function parse<T>(line: string): ChildLine<T> | undefined {
  if (!line.startsWith('{"at":') && !line.startsWith('{"answer":')) return undefined;
  return JSON.parse(line) as ChildLine<T>;
}

function killed({ databases }: ChildWork, how: string, tail: string): Error {
  const names = databases.map(({ name }) => name);
  return drizzleError("ERR_MIGRATION_DIED", {
    message: `The process that tried the migrations of ${names.join(", ")} was ended by ${how}. No live database was touched.${tail === "" ? "" : `\n${tail}`}`,
    hint: "A kill may mean that memory ran out: look at the kernel's log (`dmesg`). A check tries again after 10 and after 60 minutes.",
    details: { how, databases: names },
    mayPass: true, // memory may be free again
  });
}
