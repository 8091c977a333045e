import { type Context, DeployError, type RecoverContext, type ReleaseInfo } from "@deployer/core";
import { lookAtWorker } from "./accept.ts";
import { isOurs, storedHealth } from "./activate.ts";
import { bringBack } from "./bring-back.ts";
import type { Change } from "./change.ts";
import { findPm2, pm2Home, runningDaemon } from "./daemon.ts";
import { endOrphans, removeApps } from "./first-start.ts";
import type { Settings } from "./options.ts";
import { pm2Place } from "./place.ts";
import { changeOf } from "./pm2-app.ts";
import { pm2ProcessManager } from "./pm2-process-manager.ts";
import type { ProcessManager } from "./process-manager.ts";
import { currentDirectory, readDefinitions } from "./read-definitions.ts";
import { saveList } from "./save.ts";

const MARGIN_MS = 60_000;

/**
 * Settles what a run that died left in PM2: every worker that runs through `current` ends in the release that `current`
 * points at now. It goes by what PM2 and `/proc` show, never by what the dead run knew; PM2's own reload lock is one
 * of its command line and says nothing of this.
 */
export async function recover(context: RecoverContext, settings: Settings): Promise<void> {
  const daemon = await runningDaemon(pm2Home(context));
  if (daemon === undefined) {
    context.info("PM2 is not running, so no worker has to be brought back");
    return;
  }
  const manager = pm2ProcessManager(context, await findPm2(context, settings.path, daemon));
  const stays = context.direction === "undo" ? context.interrupted.previous : context.interrupted.release;
  if (stays === undefined) await removeOurs(context, manager, settings);
  else await settleIn(context, manager, settings, stays);
}

/** The first activation of all died: there is nothing to go back to. */
async function removeOurs(context: Context, manager: ProcessManager, settings: Settings): Promise<void> {
  const current = currentDirectory(context);
  const timeoutMs = settings.healthTimeoutMs + MARGIN_MS;
  if (!(await manager.list()).some((worker) => isOurs(worker, current))) return;
  await removeApps({ context, manager, signal: context.signal, timeoutMs }, (worker) => isOurs(worker, current));
}

async function settleIn(
  context: RecoverContext,
  manager: ProcessManager,
  settings: Settings,
  stays: ReleaseInfo,
): Promise<void> {
  const changes = await changesFor(context, settings, stays);
  const release = await context.fs.realPath(stays.path);
  const current = currentDirectory(context);
  const ours = (await manager.list()).filter((worker) => isOurs(worker, current));
  const isNew = (name: string): boolean => context.direction === "undo" && changes !== undefined && !changes.has(name);
  const timing = { timeoutMs: settings.healthTimeoutMs + MARGIN_MS, drainMs: settings.drainTimeoutMs + MARGIN_MS };
  for (const name of new Set(ours.map((worker) => worker.name).filter(isNew))) {
    // Only an app that the dead run started: one that merely left the ecosystem file before works in an older release.
    const dead = context.interrupted.release?.path;
    const folders = await Promise.all(
      ours.filter((worker) => worker.name === name).map((worker) => context.processes.workingDirectory(worker.pid)),
    );
    if (dead === undefined || !folders.some((folder) => folder === undefined || `${folder}/`.startsWith(`${dead}/`)))
      continue;
    await removeApps(
      { context, manager, signal: context.signal, timeoutMs: timing.timeoutMs },
      (worker) => worker.name === name,
    );
  }
  for (const worker of ours.filter((candidate) => !isNew(candidate.name))) {
    const expected = { release, health: storedHealth(worker.stored) };
    const fine = (await lookAtWorker(context, worker, expected, context.signal)) === null;
    if (context.direction === "finish" && fine) continue;
    await bringBack({
      context,
      manager,
      id: worker.id,
      change: changes?.get(worker.name),
      expected,
      ...timing,
      signal: context.signal,
    });
  }
  await endOrphans(context, manager);
  if (context.direction === "finish" && settings.save && ours.length > 0) {
    await saveList(
      context,
      manager,
      ours.map((worker) => worker.name),
    );
  }
}

/** How the release that stays defines its apps; `undefined` when it cannot be read any more: then what PM2 has stays. */
async function changesFor(
  context: Context,
  settings: Settings,
  release: ReleaseInfo,
): Promise<Map<string, Change> | undefined> {
  try {
    const { apps } = await readDefinitions(context, release.appPath, settings);
    const place = await pm2Place(context);
    return new Map(apps.map((app) => [app.name, changeOf(app, place, settings)]));
  } catch (error) {
    if (!(error instanceof DeployError)) throw error;
    context.warn(
      `The definition of release ${release.id} cannot be read, so its workers keep what PM2 has stored: ${error.message}`,
    );
    return undefined;
  }
}
