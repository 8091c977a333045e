import type { PlanContext } from "@deployer/core";
import { isOurs } from "./activate.ts";
import { findPm2, pm2Home, runningDaemon } from "./daemon.ts";
import type { Settings } from "./options.ts";
import { pm2ProcessManager } from "./pm2-process-manager.ts";
import { currentDirectory } from "./read-definitions.ts";

/** What will happen, as far as it can be known before the release is there. */
export async function plan(context: PlanContext, settings: Settings): Promise<string[]> {
  const daemon = await runningDaemon(pm2Home(context));
  const list =
    daemon === undefined ? [] : await pm2ProcessManager(context, await findPm2(context, settings.path, daemon)).list();
  const running = new Map<string, number>();
  for (const { name } of list.filter((worker) => isOurs(worker, currentDirectory(context)))) {
    running.set(name, (running.get(name) ?? 0) + 1);
  }
  const reloads = [...running].map(
    ([name, count]) => `reload ${name} (${count} ${count === 1 ? "worker" : "workers"})`,
  );
  const starts = Object.keys(settings.apps ?? {}).filter((name) => !running.has(name));
  if (reloads.length === 0 && starts.length === 0) return [`start the apps of ${settings.ecosystem}`];
  return [...reloads, ...starts.map((name) => `start ${name}`)];
}
