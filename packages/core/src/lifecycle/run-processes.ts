import type { Clock } from "../ports/clock.ts";
import type { ProcessTable } from "../ports/process-table.ts";
import { RUN_VARIABLE, readMark } from "./run-mark.ts";

const LIMIT_MS = 10_000;
const PAUSE_MS = 20;

/**
 * Processes that carry the run's mark: children that left their process group are among them. Not, of what may serve,
 * the children of a daemon that was there before: it passes the mark on to its workers, and they are its business. Of an
 * accepted run nothing that was started in activate: that is the service.
 */
async function runProcesses(processes: ProcessTable, run: string, isAccepted: boolean): Promise<number[]> {
  const own = await withAncestors(processes, process.pid);
  const stageOf = async (pid: number) => readMark((await processes.environment(pid))?.[RUN_VARIABLE], run);
  const isLeftover = async (pid: number): Promise<boolean> => {
    const mark = await stageOf(pid);
    if (mark === undefined || (isAccepted && mark.stage === "activate")) return false;
    if ((await processes.identity(pid)) === undefined) return false;
    if (mark.stage === undefined) return true;
    const parent = (await processes.parent(pid)) ?? 1;
    // What has lost its parent belongs to init, or to one of those that this process stems from.
    return parent <= 1 || own.has(parent) || (await stageOf(parent)) !== undefined;
  };
  const pids = (await processes.pids()).filter((pid) => pid !== process.pid);
  const found = await Promise.all(pids.map(isLeftover));
  return pids.filter((_pid, index) => found[index]);
}

async function withAncestors(processes: ProcessTable, pid: number): Promise<Set<number>> {
  const found = new Set<number>();
  for (let at: number | undefined = pid; at !== undefined && at > 0 && !found.has(at); at = await processes.parent(at))
    found.add(at);
  return found;
}

/**
 * Ends everything a run still has running and waits until it is gone; of an accepted run not what activate started.
 * @returns the pids that were ended, and those that could not be
 */
export async function endRunProcesses(
  processes: ProcessTable,
  clock: Clock,
  run: string,
  { isAccepted = false }: { readonly isAccepted?: boolean } = {},
): Promise<{ ended: number[]; left: number[] }> {
  const ended = new Set<number>();
  const deadline = clock.elapsed() + LIMIT_MS;
  let left: number[] = [];
  // A process that is just starting a program shows no environment for a moment: one empty look proves nothing.
  for (let emptyLooks = 0; emptyLooks < 2 && clock.elapsed() < deadline; ) {
    left = await runProcesses(processes, run, isAccepted);
    emptyLooks = left.length === 0 ? emptyLooks + 1 : 0;
    for (const pid of left) {
      ended.add(pid);
      processes.signal(pid, "SIGKILL");
    }
    await clock.sleep(PAUSE_MS);
  }
  return { ended: [...ended], left };
}
