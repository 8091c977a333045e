import type { Clock } from "../ports/clock.ts";
import type { ProcessTable } from "../ports/process-table.ts";
import { RUN_VARIABLE } from "./session.ts";

const LIMIT_MS = 10_000;
const PAUSE_MS = 20;

/** Processes that carry the run's mark: children that left their process group are among them. */
async function runProcesses(processes: ProcessTable, run: string): Promise<number[]> {
  const pids = (await processes.pids()).filter((pid) => pid !== process.pid);
  const marked = await Promise.all(pids.map(async (pid) => (await processes.environment(pid))?.[RUN_VARIABLE] === run));
  const found = pids.filter((_pid, index) => marked[index]);
  const alive = await Promise.all(found.map((pid) => processes.identity(pid)));
  return found.filter((_pid, index) => alive[index] !== undefined);
}

/**
 * Ends everything a run still has running and waits until it is gone.
 * @returns the pids that were ended, and those that could not be
 */
export async function endRunProcesses(
  processes: ProcessTable,
  clock: Clock,
  run: string,
): Promise<{ ended: number[]; left: number[] }> {
  const ended = new Set<number>();
  const deadline = clock.elapsed() + LIMIT_MS;
  let left: number[] = [];
  // A process that is just starting a program shows no environment for a moment: one empty look proves nothing.
  for (let emptyLooks = 0; emptyLooks < 2 && clock.elapsed() < deadline; ) {
    left = await runProcesses(processes, run);
    emptyLooks = left.length === 0 ? emptyLooks + 1 : 0;
    for (const pid of left) {
      ended.add(pid);
      processes.signal(pid, "SIGKILL");
    }
    await clock.sleep(PAUSE_MS);
  }
  return { ended: [...ended], left };
}
