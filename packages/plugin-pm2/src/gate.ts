import { join } from "node:path";
import { type GateContext, runCandidate } from "@deployer/core";
import { cleanEnvironment } from "./child.ts";
import { findPm2, pm2Home, runningDaemon } from "./daemon.ts";
import type { Settings } from "./options.ts";
import { pm2ProcessManager } from "./pm2-process-manager.ts";
import { readDefinitions } from "./read-definitions.ts";
import { tellWays } from "./way.ts";

/** Refuses what could not be activated, then tries each app that has a health check out of traffic. Touches nothing live. */
export async function gate(context: GateContext, settings: Settings): Promise<void> {
  const { apps, notes } = await readDefinitions(context, context.release.appPath, settings);
  for (const note of notes) context.info(note);
  const daemon = await runningDaemon(pm2Home(context));
  if (daemon !== undefined) {
    const manager = pm2ProcessManager(context, await findPm2(context, settings.path, daemon));
    tellWays(context, apps, await manager.list());
  }
  for (const trial of context.trials) {
    const tried =
      trial.directory === context.release.appPath
        ? apps
        : (await readDefinitions(context, trial.directory, settings)).apps;
    for (const app of tried) {
      if (app.health === undefined) continue;
      const cwd = join(trial.directory, app.cwd);
      await runCandidate({
        context,
        trial,
        file: join(cwd, app.script),
        args: app.args,
        nodeArgs: app.nodeArgs,
        cwd,
        env: { ...cleanEnvironment(context), ...app.env, ...settings.gate?.env },
        health: app.health,
        settleMs: settings.settleMs,
        startTimeoutMs: settings.healthTimeoutMs,
      });
      context.info(`${app.name} (${trial.label}) was healthy out of traffic for ${settings.settleMs / 1000} s`);
    }
  }
}
