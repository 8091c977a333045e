import { execFile, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

/** When another process fills the disk: while the copies are made, the snapshots, at a statement, and at the COMMITs. */
export type Stage = "rehearsal" | "snapshot" | "statements" | "journal" | "commit";

/** What came of a deployment whose disk was filled, and of the next one, for which there was room again. */
export interface Story {
  readonly error: { readonly code?: string; readonly exitCode?: number; readonly message: string } | null;
  readonly states: readonly string[];
  readonly leftovers: readonly string[];
  readonly journals: readonly string[];
  readonly snapshots: readonly string[];
  /** Free blocks while the disk was still filled. */
  readonly free: number;
  readonly rerun: { readonly states: readonly string[]; readonly leftovers: readonly string[] };
  /** Of the app, which wrote all the time: acknowledged writes that are gone, by database; codes of refused ones. */
  readonly lost: readonly number[];
  readonly refused: readonly string[];
}

// What is started in it ends with it, and the mount with the last process.
const NAMESPACE = ["-rmpf", "--kill-child", "--mount-proc"];

/** Whether the kernel lets a user mount a file system for himself. */
export const mayMount: boolean =
  spawnSync("unshare", [...NAMESPACE, "mount", "-t", "tmpfs", "none", tmpdir()], { timeout: 10_000 }).status === 0;

export async function onSmallDisk(stage: Stage): Promise<Story> {
  const folder = mkdtempSync(join(tmpdir(), "small-disk-"));
  const script = fileURLToPath(new URL("./small-disk-child.ts", import.meta.url));
  try {
    const args = [...NAMESPACE, process.execPath, script, folder, stage];
    const { stdout } = await promisify(execFile)("unshare", args, { timeout: 50_000, killSignal: "SIGKILL" });
    return JSON.parse(stdout) as Story;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
