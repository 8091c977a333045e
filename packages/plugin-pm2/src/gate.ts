import { join } from "node:path";
import { type GateContext, runCandidate, type Trial } from "@deployer/core";
import { cleanEnvironment } from "./child.ts";
import { findPm2, pm2Home, runningDaemon } from "./daemon.ts";
import type { AppDefinition } from "./definition.ts";
import { refuseDifferences } from "./differences.ts";
import type { Settings } from "./options.ts";
import { pm2ProcessManager } from "./pm2-process-manager.ts";
import { currentDirectory, readDefinitions } from "./read-definitions.ts";

/** Refuses what could not be activated, then tries each app that has a health check out of traffic. Touches nothing live. */
export async function gate(context: GateContext, settings: Settings): Promise<void> {
  const { apps, notes } = await readDefinitions(context, context.release.appPath, settings);
  for (const note of notes) context.info(note);
  const daemon = await runningDaemon(pm2Home(context));
  if (daemon !== undefined) {
    const manager = pm2ProcessManager(context, await findPm2(context, settings.path, daemon));
    refuseDifferences(apps, await manager.list(), currentDirectory(context));
  }
  for (const trial of context.trials) {
    const isPrevious = trial.release.id !== context.release.id;
    if (isPrevious && settings.gate?.previous === false) continue;
    try {
      await tryRelease(context, trial, isPrevious ? undefined : apps, settings);
    } catch (error) {
      context.signal.throwIfAborted();
      if (trial.mayFail !== true) throw error;
      context.warn(`There will be no rollback: ${trial.label}: ${(error as Error).message}`);
    }
  }
}

/** Each trial runs the apps of its own release, as that release's ecosystem file says. */
async function tryRelease(
  context: GateContext,
  trial: Trial,
  known: readonly AppDefinition[] | undefined,
  settings: Settings,
): Promise<void> {
  for (const app of known ?? (await readDefinitions(context, trial.directory, settings)).apps) {
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
