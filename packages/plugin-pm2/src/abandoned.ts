import { type Context, isInside } from "@deployer/core";
import type { ProcessManager } from "./process-manager.ts";

const INTERVAL_MS = 100;
const MARGIN_MS = 2_000;

/**
 * Ends workers of this root whose daemon has died: in fork mode they outlive it and keep the port, and no daemon knows of
 * them any more. Called when no daemon runs, before one is started.
 */
export async function endAbandoned(
  context: Context,
  manager: ProcessManager,
  home: string,
  drainMs: number,
): Promise<void> {
  const { clock, processes, signal } = context;
  const found = await abandoned(context, manager, home);
  if (found.length > 0)
    context.info(
      `PM2 has died and left workers of this app behind (pid ${found.join(", ")}); they end before it starts anew`,
    );
  const deadline = clock.elapsed() + drainMs + MARGIN_MS;
  for (const pid of found) processes.signal(pid, "SIGINT");
  for (let left = found; left.length > 0; left = await abandoned(context, manager, home)) {
    if (clock.elapsed() > deadline + MARGIN_MS) return;
    if (clock.elapsed() > deadline) for (const pid of left) processes.signal(pid, "SIGKILL");
    await clock.sleep(INTERVAL_MS, signal);
  }
}

async function abandoned({ paths, processes }: Context, manager: ProcessManager, home: string): Promise<number[]> {
  const daemon = await manager.daemonPid();
  const served = daemon === undefined ? [] : await processes.children(daemon);
  const found: number[] = [];
  for (const pid of await processes.pids()) {
    const cwd = await processes.workingDirectory(pid);
    if (cwd === undefined || !isInside(cwd, paths.releases) || served.includes(pid)) continue;
    const { PM2_HOME, pm_id, pm2_env } = (await processes.environment(pid)) ?? {};
    if (PM2_HOME === home && (pm_id ?? pm2_env) !== undefined) found.push(pid);
  }
  return found;
}
