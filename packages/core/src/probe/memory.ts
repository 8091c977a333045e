import { dirname } from "node:path";
import { formatBytes } from "../config/bytes.ts";
import type { Context } from "../plugin/contexts.ts";

/**
 * Warns before a second copy of an app is started beside its workers, when memory looks too small for it: what the
 * biggest worker has resident now is compared with what the kernel says can be had without swapping, and with what is
 * left below the limits of the worker's control groups (v2). It is a guess: pages that workers share are counted.
 */
export async function foreseeMemory(context: Context, app: string, pids: readonly number[]): Promise<void> {
  const machine = await kilobytes(context, "/proc/meminfo", "MemAvailable");
  const groups = await Promise.all(pids.map((pid) => leftInGroups(context, pid)));
  const known = [machine, ...groups.flat()].filter((bytes) => bytes !== undefined);
  const available = known.length === 0 ? undefined : Math.min(...known);
  const resident = await Promise.all(pids.map((pid) => kilobytes(context, `/proc/${pid}/status`, "VmRSS")));
  const warning = memoryWarning(
    app,
    available,
    resident.filter((bytes) => bytes !== undefined),
  );
  if (warning !== undefined) context.warn(warning);
}

/** What to say, or `undefined` when there is room or nothing to compare. */
export function memoryWarning(
  app: string,
  available: number | undefined,
  workers: readonly number[],
): string | undefined {
  const biggest = Math.max(0, ...workers);
  if (available === undefined || available >= biggest) return undefined;
  return `Memory may be too small for two copies of ${app}: ${formatBytes(available)} are available, and one worker has ${formatBytes(biggest)} resident. The trial, and each worker's change, needs about as much once more; if the kernel ends a process for want of memory, it may be one that serves.`;
}

const CGROUPS = "/sys/fs/cgroup";

/** What is left below each limit that holds for a process, its group's and those above it. */
async function leftInGroups({ fs }: Context, pid: number): Promise<number[]> {
  const read = (path: string): Promise<string> => fs.readText(path).catch(() => "");
  const group = /^0::(\/.*)$/m.exec(await read(`/proc/${pid}/cgroup`))?.[1];
  const left: number[] = [];
  for (let at = group; at !== undefined && at !== "/"; at = dirname(at)) {
    const limit = Number.parseInt(await read(`${CGROUPS}${at}/memory.max`), 10);
    const used = Number.parseInt(await read(`${CGROUPS}${at}/memory.current`), 10);
    // The file cache counts as used, and goes when memory is wanted.
    const cache = /^inactive_file (\d+)$/m.exec(await read(`${CGROUPS}${at}/memory.stat`))?.[1] ?? "0";
    if (!Number.isNaN(limit) && !Number.isNaN(used)) left.push(Math.max(0, limit - used + Number(cache)));
  }
  return left;
}

async function kilobytes({ fs }: Context, path: string, field: string): Promise<number | undefined> {
  const text = await fs.readText(path).catch(() => "");
  const found = new RegExp(`^${field}:\\s+(\\d+) kB`, "m").exec(text)?.[1];
  return found === undefined ? undefined : Number(found) * 1024;
}
