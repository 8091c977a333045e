import { fork } from "node:child_process";
import { extname, join } from "node:path";
import { type Context, RUN_VARIABLE } from "@deployer/core";
import type { FromChild, ToChild } from "./held-child.ts";
import type { HeldProblem } from "./held-failure.ts";
import type { MigrationJournal } from "./journal.ts";

// Beside this file, in the sources as in what was built from them.
const CHILD = join(import.meta.dirname, `held-child${extname(import.meta.filename)}`);
const TAIL_CHARACTERS = 2_000;
/** The same has run in the rehearsal, where each statement had its own limit: this is for what only hangs here. */
const MAKING_LIMIT_MS = 600_000;

/** How the held phase ended. Whether anything is committed stands in the journal and in the databases. */
export type HeldEnding =
  | { readonly outcome: "done"; readonly lockedMs: number }
  | { readonly outcome: "failed"; readonly database: string; readonly problem: HeldProblem }
  /** The app's writers had waited for longer than the journal allows. */
  | { readonly outcome: "too-long"; readonly limitMs: number }
  /** Before any lock: the setup module, or the migrations of a new database. */
  | { readonly outcome: "endless"; readonly limitMs: number }
  | { readonly outcome: "interrupted" }
  /** `killed`: by a signal, as the kernel does when memory runs out. */
  | { readonly outcome: "died"; readonly how: string; readonly killed: boolean };

type HeldContext = Pick<Context, "run" | "env" | "signal" | "clock" | "processes" | "paths">;

/**
 * Runs databases of a journal in a child process and watches over it: past the limit, or when the run is interrupted, it
 * is killed, as long as it has not been allowed to commit; after that it is waited for.
 */
export async function holdInChild(
  path: string,
  journal: MigrationJournal,
  names: readonly string[],
  context: HeldContext,
): Promise<HeldEnding> {
  // Core ends what carries the mark of a dead run. This one must not be ended while it commits, so it has a mark of its
  // own; recovery finds it by the journal. A session of its own keeps Ctrl-C away.
  const { [RUN_VARIABLE]: run, ...env } = context.env;
  const child = fork(CHILD, [String(process.pid)], {
    cwd: context.paths.root,
    env: { ...env, DEPLOYER_MIGRATION: run ?? context.run.id },
    execArgv: [],
    detached: true,
    stdio: ["ignore", "ignore", "pipe", "ipc"],
  });
  let timer = new AbortController();
  let ending: HeldEnding | undefined;
  let permitted = false;
  let said = "";
  const say = (message: ToChild): void => void child.send(message, () => undefined);
  const stop = (reason: HeldEnding): void => {
    if (permitted) return;
    ending ??= reason;
    child.kill("SIGKILL");
  };
  const interrupt = (): void => stop({ outcome: "interrupted" });
  const limit = (outcome: "too-long" | "endless", limitMs: number): void => {
    context.clock.sleep(limitMs, timer.signal).then(
      () => stop({ outcome, limitMs }),
      () => undefined,
    );
  };
  const hear = (message: FromChild): void => {
    if (message.type === "making") limit("endless", MAKING_LIMIT_MS);
    else if (message.type === "locked") limit("too-long", journal.limitMs);
    else if (message.type === "made" || message.type === "unlocked") {
      timer.abort();
      timer = new AbortController();
    } else if (message.type === "ready" && ending === undefined) {
      permitted = true;
      say({ type: "commit" });
    } else if (message.type === "done") ending ??= { outcome: "done", lockedMs: message.lockedMs };
    else if (message.type === "failed")
      ending ??= { outcome: "failed", database: message.database, problem: message.problem };
    else if (message.type === "defect") ending ??= { outcome: "died", how: message.message, killed: false };
  };
  child.stderr?.on("data", (chunk) => {
    said = (said + String(chunk)).slice(-TAIL_CHARACTERS);
  });
  const ended = new Promise<HeldEnding>((resolve) => {
    child.on("error", ({ message }) => resolve({ outcome: "died", how: message, killed: false }));
    child.on("close", (code, signal) => {
      const how = `${signal ?? `exit code ${code}`}${said === "" ? "" : `: ${said}`}`;
      resolve({ outcome: "died", how, killed: signal !== null });
    });
  });
  child.on("message", (message) => hear(message as FromChild));
  context.signal.addEventListener("abort", interrupt, { once: true });
  try {
    if (context.signal.aborted) interrupt();
    else {
      const identity = child.pid === undefined ? undefined : await context.processes.identity(child.pid);
      say({ type: "begin", path, names, journal: { ...journal, process: identity ?? null } });
    }
    const died = await ended;
    return ending ?? died;
  } finally {
    context.signal.removeEventListener("abort", interrupt);
    timer.abort();
  }
}
