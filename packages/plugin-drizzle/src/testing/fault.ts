import { fileURLToPath } from "node:url";

/** A fault in the process that migrates, at the n-th event of a kind: what cannot be staged from outside. */
export interface Fault {
  /** A statement that is run, a call of node:fs, a file that is opened for writing, or any of them. */
  readonly on: "prepare" | "run" | "fs" | "open" | "any";
  /** Only events whose text (the SQL, or the call with its path) has this in it. */
  readonly matching?: string;
  /** Counted from 1. @default 1 */
  readonly nth?: number;
  /**
   * "kill": the process dies right before the event. "kill-parent": its parent does. "kill-both": first the parent. "fail": the event throws `code`.
   * "hang": a statement that never ends. "also": `sql` is run first. "stop": tells `file` and waits until `<file>.go` is there.
   */
  readonly act: "kill" | "kill-parent" | "kill-both" | "fail" | "hang" | "also" | "stop";
  readonly code?: string;
  readonly sql?: string;
  readonly file?: string;
  /** Writes each event to this file, for a sweep over all of them. */
  readonly log?: string;
}

/** The environment in which the migrating process has this fault. */
export function fault(given: Fault | { readonly log: string }): Record<string, string> {
  return {
    NODE_OPTIONS: `--import=${fileURLToPath(new URL("./fault-preload.ts", import.meta.url))}`,
    DEPLOYER_TEST_FAULT: JSON.stringify(given),
  };
}
