import { coreError } from "../errors/catalog.ts";
import type { DeployError } from "../errors/deploy-error.ts";
import { type DeployLock, takeLock } from "../lock/deploy-lock.ts";
import type { ProcessTable } from "../ports/process-table.ts";
import type { Layout } from "../release/layout.ts";
import { type LockHolder, RunStore } from "../store/run-store.ts";

/** @throws ERR_LOCK_HELD naming its holder */
export function takeDeployLock(paths: Layout): DeployLock {
  const lock = takeLock(paths.lock);
  if (lock !== undefined) return lock;
  throw lockHeld(holderOf(paths));
}

/**
 * Whoever removes lock.db by hand frees no lock: the run at work holds a file that has no name any more.
 * @throws ERR_LOCK_HELD
 */
export async function refuseLiveRun(store: RunStore, processes: ProcessTable): Promise<void> {
  for (const { holder } of store.openRuns()) {
    const isOurs = holder.process.pid === process.pid;
    if (!isOurs && (await processes.isAlive(holder.process))) throw lockHeld(holder);
  }
}

/** A store that cannot be read keeps the name to itself. */
function holderOf(paths: Layout): LockHolder | undefined {
  try {
    const store = RunStore.openReadOnly(paths.store);
    const holder = store?.openRuns()[0]?.holder;
    store?.close();
    return holder;
  } catch {
    return undefined;
  }
}

function lockHeld(holder: LockHolder | undefined): DeployError {
  return coreError("ERR_LOCK_HELD", {
    message:
      holder === undefined
        ? "Another deployer is at work on this app."
        : `${holder.user}@${holder.host} has been deploying since ${holder.since} (pid ${holder.process.pid}).`,
    hint: "Wait for it to finish, or look closer with `deployer status`.",
    details: { holder: holder ?? null },
  });
}
