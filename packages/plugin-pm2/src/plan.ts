import type { PlanContext } from "@deployer/core";
import { plural } from "@deployer/core";
import { findPm2, pm2Home, runningDaemon } from "./daemon.ts";
import { definitionsOf } from "./definition.ts";
import type { Settings } from "./options.ts";
import { isOurs } from "./ours.ts";
import { pm2ProcessManager } from "./pm2-process-manager.ts";
import { currentDirectory, depthOf } from "./read-definitions.ts";
import { describeWay, wayOf } from "./way.ts";
import type { Worker } from "./worker.ts";

/** What will happen. With an ecosystem file, which is not there before the release is, the gate says the rest. */
export async function plan(context: PlanContext, settings: Settings): Promise<string[]> {
  const daemon = await runningDaemon(pm2Home(context));
  const list =
    daemon === undefined ? [] : await pm2ProcessManager(context, await findPm2(context, settings.path, daemon)).list();
  const ours = list.filter((worker) => isOurs(worker, context.paths));
  if (settings.ecosystem !== undefined) return planOfRunning(ours, settings.ecosystem);
  const current = currentDirectory(context);
  const { apps } = definitionsOf(undefined, settings, { directory: current, current, depth: depthOf(context) });
  return apps.map((app) => describeWay(app.name, wayOf(app, list, context.paths, current)));
}

function planOfRunning(ours: readonly Worker[], ecosystem: string): string[] {
  const names = [...new Set(ours.map(({ name }) => name))];
  if (names.length === 0) return [`start the apps of ${ecosystem}`];
  return names.map((name) => {
    const count = ours.filter((worker) => worker.name === name).length;
    return `reload ${name} (${plural(count, "worker")}) as the new ${ecosystem} says`;
  });
}
