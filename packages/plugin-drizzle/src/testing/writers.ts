import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import Database from "better-sqlite3";
import type { Written } from "./writer.ts";

/** An app that writes, in a process of its own. */
export interface Writers extends AsyncDisposable {
  /** What happened so far; the longest write since it was last asked. */
  look(): Promise<readonly Written[]>;
  stop(): Promise<readonly Written[]>;
}

export interface WriterOptions {
  /** Transactions a second on each database. */
  readonly rate: number;
  readonly behaviour?: "immediate" | "deferred";
  readonly busyTimeoutMs?: number;
  /** Another user than the one that runs the tests; only root may. */
  readonly uid?: number;
}

export async function startWriters(files: readonly string[], options: WriterOptions): Promise<Writers> {
  const script = fileURLToPath(new URL("./writer.ts", import.meta.url));
  const { rate, behaviour = "immediate", busyTimeoutMs = 5_000, uid } = options;
  const child = fork(script, [String(rate), behaviour, String(busyTimeoutMs), ...files], {
    execArgv: [],
    ...(uid === undefined ? {} : { uid, gid: uid }),
  });
  await once(child, "message");
  const ask = async (word: string): Promise<readonly Written[]> => {
    const answer = once(child, "message");
    child.send(word);
    return ((await answer) as [Written[]])[0];
  };
  let stopped: Promise<readonly Written[]> | undefined;
  const stop = (): Promise<readonly Written[]> => {
    stopped ??= ask("stop").then((written) => ended(child).then(() => written));
    return stopped;
  };
  return { look: () => ask("look"), stop, [Symbol.asyncDispose]: async () => void (await stop()) };
}

/** Acknowledged writes that the database does not have. */
export function lostWrites({ file, acknowledged }: Written): number {
  const db = new Database(file, { fileMustExist: true });
  try {
    return acknowledged - (db.prepare("SELECT count(*) FROM written").pluck().get() as number);
  } finally {
    db.close();
  }
}

/** Stops an app; answers what it saw where a write failed, was lost, or none was made. */
export async function troubleOf(writers: Writers): Promise<readonly Written[]> {
  const written = await writers.stop();
  return written.filter(
    (each) => each.acknowledged === 0 || lostWrites(each) !== 0 || Object.keys(each.errors).length > 0,
  );
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode === null) await once(child, "exit");
}
