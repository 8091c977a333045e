import { isAbsolute, join } from "node:path";
import { foreseeMemory, type GateContext, runCandidate, type Trial, watchTrial } from "@deployer/core";
import { cleanEnvironment } from "./child.ts";
import { findPm2, pm2Home, runningDaemon } from "./daemon.ts";
import type { AppDefinition } from "./definition.ts";
import type { Settings } from "./options.ts";
import { refuseForeign } from "./own-files.ts";
import { pm2ProcessManager } from "./pm2-process-manager.ts";
import { readDefinitions } from "./read-definitions.ts";
import { tellWays } from "./way.ts";

/** Refuses what could not be activated, then tries each app that has a health check out of traffic. Touches nothing live. */
export async function gate(context: GateContext, settings: Settings): Promise<void> {
  const { ecosystem } = settings;
  if (ecosystem !== undefined && !isAbsolute(ecosystem)) await refuseForeign(context, ecosystem);
  const { apps, notes } = await readDefinitions(context, context.release.appPath, settings);
  await refuseForeign(context, ...apps.map(({ cwd, script }) => join(cwd, script)));
  for (const note of notes) context.info(note);
  const daemon = await runningDaemon(pm2Home(context));
  if (daemon !== undefined) {
    const manager = pm2ProcessManager(context, await findPm2(context, settings.path, daemon));
    const workers = await manager.list();
    tellWays(context, apps, workers);
    for (const { name, health } of apps) {
      const pids = workers.filter((worker) => worker.name === name && worker.pid > 0).map(({ pid }) => pid);
      if (health !== undefined) await foreseeMemory(context, name, pids);
    }
  }
  const { trial: gateOptions } = settings;
  if (gateOptions === undefined) {
    context.warn("The release is not tried before it takes over: the config says `gate: false`.");
    return;
  }
  for (const trial of context.trials) {
    const isPrevious = trial.release.id !== context.release.id;
    if (isPrevious && gateOptions.previous === false) continue;
    try {
      await tryRelease(context, trial, isPrevious ? undefined : apps, settings, gateOptions);
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
  gateOptions: NonNullable<Settings["trial"]>,
): Promise<void> {
  const tried = known ?? (await readDefinitions(context, trial.directory, settings)).apps;
  const evidence = await watchTrial(context, trial);
  for (const app of tried) {
    const health = app.health ?? app.outside;
    if (health === undefined) continue;
    const cwd = join(trial.directory, app.cwd);
    await runCandidate({
      context,
      trial,
      file: join(cwd, app.script),
      args: app.args,
      nodeArgs: app.nodeArgs,
      cwd,
      env: { ...cleanEnvironment(context), ...app.env, ...gateOptions.env },
      health,
      settleMs: gateOptions.settleMs,
      startTimeoutMs: settings.healthTimeoutMs,
      onHealthy: evidence.look,
    });
    context.info(`${app.name} (${trial.label}) was healthy out of traffic for ${gateOptions.settleMs / 1000} s`);
  }
  if (tried.some(({ health }) => health !== undefined)) evidence.tell();
}
