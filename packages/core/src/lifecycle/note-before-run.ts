import { existsSync } from "node:fs";
import { type DeployLock, takeLock } from "../lock/deploy-lock.ts";
import { layout } from "../release/layout.ts";
import { RunStore } from "../store/run-store.ts";
import { noteCheck, triedByNextCheck } from "./outage.ts";
import type { RunResult } from "./result.ts";

/**
 * Keeps how a check ended that came to no run: for a config that cannot be read, say. Without a store below `root`, or
 * while another run is at work, it is not kept, and so is told each time.
 */
export function noteBeforeRun(
  root: string,
  result: RunResult,
  { now, quiet }: { readonly now: number; readonly quiet: boolean },
): RunResult {
  const tried = triedByNextCheck(result);
  const paths = layout(root);
  if (result.outcome === "locked" || result.error?.code === "ERR_OTHER_APP" || !existsSync(paths.store)) return tried;
  let lock: DeployLock | undefined;
  let store: RunStore | undefined;
  try {
    lock = takeLock(paths.lock);
    store = lock === undefined ? undefined : RunStore.openKnown(paths.store);
    return store === undefined ? tried : noteCheck(store, result, now, quiet);
  } catch {
    return tried; // of another user, or damaged
  } finally {
    store?.close();
    lock?.release();
  }
}
