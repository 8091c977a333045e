import { once } from "node:events";
import { text } from "node:stream/consumers";
import { Worker } from "node:worker_threads";
import type { StatementAt } from "./apply.ts";
import { loadSetup, type Setup } from "./setup.ts";

/** What a child is about to do, and may not come back from. */
export interface ChildStep {
  /** The database's name. */
  readonly database: string;
  /** For a person: "statement 2 of 0001_sku". */
  readonly what: string;
  readonly at?: StatementAt;
}

/** A line of the child: the step that begins (`null`: one that ends by itself), or the answer. */
export type ChildLine<T> = { readonly at: ChildStep | null } | { readonly answer: readonly T[] };

const STATEMENT_CHARACTERS = 400;

// A thread of its own: while a statement runs nothing else does in the main one.
const WATCH_PARENT = `
  const { workerData: { parent, stopped } } = require("node:worker_threads");
  setInterval(() => {
    if (process.ppid !== parent && Atomics.load(stopped, 0) === 0) process.kill(process.pid, "SIGKILL");
  }, 200);
`;

/**
 * Ends this process when the one that started it, which its first argument names, is gone; until it is stopped. Resolves
 * when the thread has started: that takes as much time as a short migration, whose own is measured.
 */
export async function endWithParent(): Promise<{ stop(): void }> {
  const stopped = new Int32Array(new SharedArrayBuffer(4));
  const workerData = { parent: Number(process.argv[2]), stopped };
  const worker = new Worker(WATCH_PARENT, { eval: true, workerData });
  await once(worker, "online");
  worker.unref();
  return { stop: () => void Atomics.store(stopped, 0, 1) };
}

/** What the run wants done. Nobody else may read what this process writes. */
export async function readWork<T>(): Promise<T> {
  process.umask(0o077);
  await endWithParent();
  return JSON.parse(await text(process.stdin)) as T;
}

/** Says what begins. Synchronous, as writing to a pipe is: what comes next may never end. */
export function reportStep(at: ChildStep | null): void {
  say({ at });
}

/** The same for a statement of a migration. */
export function statementReporter(database: string): (at: StatementAt) => void {
  return ({ migration, number, statement }) => {
    const at = { migration, number, statement: statement.slice(0, STATEMENT_CHARACTERS) };
    reportStep({ database, what: `statement ${number} of ${migration}`, at });
  };
}

/** Loads the setup module, and says so, then and whenever it is called. @throws MigrationFailure */
export async function loadReportedSetup(path: string | null, database: string): Promise<Setup> {
  if (path === null) return loadSetup(null);
  const what = `the setup module ${path}`;
  reportStep({ database, what });
  const setup = await loadSetup(path);
  reportStep(null);
  return (db, name) => {
    reportStep({ database: name, what });
    setup(db, name);
    reportStep(null);
  };
}

export function reportAnswer(answer: readonly unknown[]): void {
  say({ answer });
}

// On a line of its own, whatever a setup module has written.
function say(line: ChildLine<unknown>): void {
  process.stdout.write(`\n${JSON.stringify(line)}\n`);
}
