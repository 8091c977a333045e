import { readdir, readFile, readlink } from "node:fs/promises";
import { until } from "./until.ts";

export interface FoundProcess {
  readonly pid: number;
  readonly command: string;
}

/** Every living process that has to do with a folder: by its working directory, command line or environment. */
export async function processesOf(folder: string): Promise<FoundProcess[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name)).map(Number);
  const found = await Promise.all(pids.filter((pid) => pid !== process.pid).map((pid) => look(pid, folder)));
  return found.filter((entry) => entry !== undefined);
}

/** Gives what is ending by itself a moment; answers what stays. */
export async function strayProcesses(folder: string, patienceMs = 3_000): Promise<FoundProcess[]> {
  await until("no process left", async () => (await processesOf(folder)).length === 0, patienceMs).catch(
    () => undefined,
  );
  return processesOf(folder);
}

export async function killAll(folder: string): Promise<void> {
  await until("every process killed", async () => {
    const left = await processesOf(folder);
    for (const { pid } of left) signal(pid, "SIGKILL");
    return left.length === 0;
  });
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It is gone.
  }
}

async function look(pid: number, folder: string): Promise<FoundProcess | undefined> {
  const read = (name: string): Promise<string> => readFile(`/proc/${pid}/${name}`, "utf8").catch(() => "");
  const [stat, command, environment, directory] = await Promise.all([
    read("stat"),
    read("cmdline"),
    read("environ"),
    readlink(`/proc/${pid}/cwd`).catch(() => ""),
  ]);
  const state = stat.slice(stat.lastIndexOf(")") + 2)[0];
  if (stat === "" || state === "Z" || state === "X") return undefined;
  const hit = [command, environment, directory].some((text) => text.includes(folder));
  return hit ? { pid, command: command.replaceAll("\0", " ").trim() } : undefined;
}
