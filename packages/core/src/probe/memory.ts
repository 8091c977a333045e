import { formatBytes } from "../config/bytes.ts";
import type { Context } from "../plugin/contexts.ts";

/**
 * Warns before a second copy of an app is started beside its workers, when memory looks too small for it: what the
 * biggest worker has resident now is compared with what the kernel says can be had without swapping. It is a guess: pages
 * that workers share are counted, and the limit of a container is not known here.
 */
export async function foreseeMemory(context: Context, app: string, pids: readonly number[]): Promise<void> {
  const available = await kilobytes(context, "/proc/meminfo", "MemAvailable");
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

async function kilobytes({ fs }: Context, path: string, field: string): Promise<number | undefined> {
  const text = await fs.readText(path).catch(() => "");
  const found = new RegExp(`^${field}:\\s+(\\d+) kB`, "m").exec(text)?.[1];
  return found === undefined ? undefined : Number(found) * 1024;
}
