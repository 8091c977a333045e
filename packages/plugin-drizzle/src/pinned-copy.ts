import { execFile } from "node:child_process";
import { constants, copyFileSync, existsSync, rmSync, statSync } from "node:fs";
import { open } from "node:fs/promises";
import { promisify } from "node:util";
import Database from "better-sqlite3";

const run = promisify(execFile);

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
  { env, mode }: { readonly env: Readonly<Record<string, string | undefined>>; readonly mode: number },
): Promise<PinnedCopy> {
  const reader = new Database(source, { readonly: true, fileMustExist: true });
  try {
    reader.exec("BEGIN");
    reader.prepare("SELECT count(*) FROM sqlite_master").get();
    await run("cp", ["--reflink=auto", "--", source, target], { env: env as NodeJS.ProcessEnv });
    await withFile(target, (file) => file.chmod(mode));
  } catch (error) {
    reader.close();
    throw error;
  }
  const log = `${target}-wal`;
  return {
    takeLog() {
      rmSync(log, { force: true });
      if ((statSync(`${source}-wal`, { throwIfNoEntry: false })?.size ?? 0) === 0) return;
      copyFileSync(`${source}-wal`, log, constants.COPYFILE_FICLONE);
    },
    async sync() {
      await withFile(target, (file) => file.datasync());
      if (existsSync(log)) await withFile(log, (file) => file.datasync());
    },
    [Symbol.dispose]: () => reader.close(),
  };
}

async function withFile(path: string, act: (file: Awaited<ReturnType<typeof open>>) => Promise<void>): Promise<void> {
  const file = await open(path, "r+");
  try {
    await act(file);
  } finally {
    await file.close();
  }
}
