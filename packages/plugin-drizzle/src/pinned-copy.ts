import { execFile } from "node:child_process";
import { closeSync, existsSync, openSync, readSync, rmSync, statSync, writeSync } from "node:fs";
import { open } from "node:fs/promises";
import { promisify } from "node:util";
import Database from "better-sqlite3";

const run = promisify(execFile);
const CHUNK_BYTES = 2 ** 20;
/** The folder of the live file may be all that keeps others from reading it. */
const PRIVATE = 0o600;

/** A database in WAL mode, being copied while the app writes to it. */
export interface PinnedCopy extends Disposable {
  /** Copies what is in the log: the copy is the database of this very moment. Short, and without a lock of its own. */
  takeLog(): void;
  /** Makes the copy durable. */
  sync(): Promise<void>;
}

/**
 * Copies a database in two parts. A reader is opened first: while it reads, the log cannot be begun anew, so whatever the
 * main file gets during its copy stands in the log as well. The log is copied when the copy is to be exact: opening the
 * pair is SQLite's normal recovery. `cp` is a process of its own, because closing the main file here would drop the locks
 * that this process holds on it; the log has none.
 */
export async function pinnedCopy(
  source: string,
  target: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<PinnedCopy> {
  const reader = new Database(source, { readonly: true, fileMustExist: true });
  try {
    reader.exec("BEGIN");
    reader.prepare("SELECT count(*) FROM sqlite_master").get();
    // Made here, so that `cp` finds it with this mode and not with that of the live file.
    rmSync(target, { force: true });
    closeSync(openSync(target, "wx", PRIVATE));
    await run("cp", ["--reflink=auto", "--", source, target], { env: env as NodeJS.ProcessEnv });
  } catch (error) {
    reader.close();
    throw error;
  }
  const log = `${target}-wal`;
  return {
    takeLog() {
      rmSync(log, { force: true });
      if ((statSync(`${source}-wal`, { throwIfNoEntry: false })?.size ?? 0) > 0) copyPrivately(`${source}-wal`, log);
    },
    async sync() {
      await withFile(target, (file) => file.datasync());
      if (existsSync(log)) await withFile(log, (file) => file.datasync());
    },
    [Symbol.dispose]: () => reader.close(),
  };
}

// Not by copyFile, which gives the copy the mode of the source.
function copyPrivately(source: string, target: string): void {
  const from = openSync(source, "r");
  const to = openSync(target, "wx", PRIVATE);
  try {
    const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
    for (let size = readSync(from, chunk); size > 0; size = readSync(from, chunk))
      writeAll(to, chunk.subarray(0, size));
  } finally {
    closeSync(to);
    closeSync(from);
  }
}

function writeAll(file: number, bytes: Buffer): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at);
}

async function withFile(path: string, act: (file: Awaited<ReturnType<typeof open>>) => Promise<void>): Promise<void> {
  const file = await open(path, "r+");
  try {
    await act(file);
  } finally {
    await file.close();
  }
}
