import { join } from "node:path";
import type { PluginStatus, StatusContext } from "@deployer/core";
import { findPm2, pm2Home, runningDaemon } from "./daemon.ts";
import type { Settings } from "./options.ts";
import { isOurs } from "./ours.ts";
import { pm2ProcessManager } from "./pm2-process-manager.ts";
import type { Worker } from "./worker.ts";

/** How the workers are, and whether a shared file has changed since they read it. */
export async function status(context: StatusContext, settings: Settings): Promise<PluginStatus> {
  const daemon = await runningDaemon(pm2Home(context));
  if (daemon === undefined) return { lines: ["PM2 is not running"], data: { daemon: null, apps: [] } };
  const manager = pm2ProcessManager(context, await findPm2(context, settings.path, daemon));
  const ours = (await manager.list()).filter((worker) => isOurs(worker, context.paths));
  const apps = await Promise.all([...new Set(ours.map(({ name }) => name))].map((name) => look(context, name, ours)));
  const lines = apps.flatMap(({ name, workers, online, newerShared }) => [
    `${name}: ${online} of ${workers} online`,
    ...(newerShared.length === 0
      ? []
      : [`${name} has not read the newer ${newerShared.join(", ")}; when it should: deployer reload`]),
  ]);
  return { lines, data: { daemon: { version: daemon.version, node: daemon.nodeVersion }, apps } };
}

async function look({ config, fs, paths }: StatusContext, name: string, ours: readonly Worker[]) {
  const workers = ours.filter((worker) => worker.name === name);
  const oldest = Math.min(...workers.map(({ stored }) => Number(stored.pm_uptime ?? 0)));
  const newerShared: string[] = [];
  // What lies in shared directories is data, and read whenever it is wanted.
  for (const entry of config.shared.filter(({ kind }) => kind === "file")) {
    const file = await fs.resolve(join(paths.shared, entry.path));
    if (file !== undefined && file.modifiedMs > oldest) newerShared.push(entry.path);
  }
  const online = workers.filter((worker) => worker.status === "online").length;
  return { name, workers: workers.length, online, newerShared };
}
