import { type Context, DeployError, isInside, type RecoverContext, type ReleaseInfo } from "@deployer/core";
import { lookAtWorker } from "./accept.ts";
import { storedHealth } from "./activate.ts";
import { bringBack } from "./bring-back.ts";
import type { Change } from "./change.ts";
import { undoChangeOver } from "./change-over.ts";
import { findPm2, pm2Home, runningDaemon } from "./daemon.ts";
import type { AppDefinition } from "./definition.ts";
import { endOrphans, removeApps } from "./first-start.ts";
import { closeOpened } from "./opened-inspector.ts";
import type { Settings } from "./options.ts";
import { isOurs } from "./ours.ts";
import { pm2Place } from "./place.ts";
import { changeOf } from "./pm2-app.ts";
import { pm2ProcessManager } from "./pm2-process-manager.ts";
import type { ProcessManager } from "./process-manager.ts";
import { readDefinitions } from "./read-definitions.ts";
import { saveList } from "./save.ts";
import { endUnwanted, idsBefore, knownApps } from "./tidy.ts";
import { wayOf } from "./way.ts";
import type { Worker } from "./worker.ts";

const MARGIN_MS = 60_000;

/**
 * Settles what a run that died left in PM2: every worker that runs through `current` ends in the release that `current`
 * points at now. It goes by what PM2 and `/proc` show, never by what the dead run knew; PM2's own reload lock is one
 * of its command line and says nothing of this.
 */
export async function recover(context: RecoverContext, settings: Settings): Promise<void> {
  await closeOpened(context);
  const daemon = await runningDaemon(pm2Home(context));
  if (daemon === undefined) {
    context.info("PM2 is not running, so no worker has to be brought back");
    return;
  }
  const manager = pm2ProcessManager(context, await findPm2(context, settings.path, daemon));
  const timeoutMs = settings.healthTimeoutMs + MARGIN_MS;
  if (context.direction === "undo") await undoChangeOver(context, manager, timeoutMs);
  const stays = context.direction === "undo" ? context.interrupted.previous : context.interrupted.release;
  const place = stays ?? (await placeOfCurrent(context));
  if (place === undefined) await removeOurs(context, manager, settings);
  else await settleIn(context, manager, settings, place, stays);
}

/** What served before the deployer came: a folder that it has no record of. */
async function placeOfCurrent({ fs, paths }: Context): Promise<{ readonly path: string } | undefined> {
  return (await fs.resolve(paths.current)) === undefined ? undefined : { path: await fs.realPath(paths.current) };
}

/** The first activation of all died: there is nothing to go back to. */
async function removeOurs(context: Context, manager: ProcessManager, settings: Settings): Promise<void> {
  const timeoutMs = settings.healthTimeoutMs + MARGIN_MS;
  const known = knownApps(context);
  const isStarted = (worker: Worker): boolean => isOurs(worker, context.paths) && known.includes(worker.name);
  if (!(await manager.list()).some(isStarted)) return;
  await removeApps({ context, manager, signal: context.signal, timeoutMs }, isStarted);
}

async function settleIn(
  context: RecoverContext,
  manager: ProcessManager,
  settings: Settings,
  place: { readonly path: string },
  stays: ReleaseInfo | undefined,
): Promise<void> {
  const definitions = stays === undefined ? undefined : await definitionsFor(context, settings, stays);
  const release = await context.fs.realPath(place.path);
  const timing = { timeoutMs: settings.healthTimeoutMs + MARGIN_MS, drainMs: settings.drainTimeoutMs + MARGIN_MS };
  if (context.direction === "undo") await removeStarted(context, manager, timing.timeoutMs);
  const ours = (await manager.list()).filter((worker) => isOurs(worker, context.paths));
  const surplus = new Set(
    (definitions?.apps ?? []).flatMap((app) => {
      const way = wayOf(app, ours, context.paths, definitions?.current ?? "");
      return context.direction === "finish" && way.kind === "reload" ? way.surplus.map(({ id }) => id) : [];
    }),
  );
  const known = knownApps(context);
  const settled = ours.filter(({ id, name }) => {
    if (surplus.has(id)) return false;
    return definitions === undefined ? known.includes(name) : definitions.changes.has(name);
  });
  for (const worker of settled) {
    const expected = { release, health: storedHealth(worker.stored) };
    const fine = (await lookAtWorker(context, worker, expected, context.signal)) === null;
    if (context.direction === "finish" && fine) continue;
    // Before the deployer knew of it, a worker may have been started from inside a release: there it stays.
    if (definitions === undefined && !isInside(worker.cwd, context.paths.current)) continue;
    await bringBack({
      context,
      manager,
      id: worker.id,
      change: definitions?.changes.get(worker.name),
      expected,
      ...timing,
      signal: context.signal,
    });
  }
  await endOrphans(context, manager);
  if (context.direction === "undo" || definitions === undefined) return;
  await endUnwanted(context, manager, settings, definitions.apps);
  if (settings.save && ours.length > 0) {
    await saveList(
      context,
      manager,
      ours.map((worker) => worker.name),
    );
  }
}

/** Takes out what the dead run started beside the rest: new apps, and workers beyond the number that there was. */
async function removeStarted(context: RecoverContext, manager: ProcessManager, timeoutMs: number): Promise<void> {
  const before = idsBefore(context, context.interrupted.id, await manager.daemonPid());
  if (before === undefined) return;
  const known = knownApps(context);
  const isStarted = (worker: Worker): boolean =>
    isOurs(worker, context.paths) && known.includes(worker.name) && !before.has(worker.id);
  if (!(await manager.list()).some(isStarted)) return;
  await removeApps({ context, manager, signal: context.signal, timeoutMs }, isStarted);
}

interface Defined {
  readonly apps: readonly AppDefinition[];
  readonly changes: ReadonlyMap<string, Change>;
  readonly current: string;
}

/** How the release that stays defines its apps; `undefined` when it cannot be read any more: then what PM2 has stays. */
async function definitionsFor(
  context: Context,
  settings: Settings,
  release: ReleaseInfo,
): Promise<Defined | undefined> {
  try {
    const { apps } = await readDefinitions(context, release.appPath, settings);
    const place = await pm2Place(context, release);
    const changes = new Map(apps.map((app) => [app.name, changeOf(app, place, settings)]));
    return { apps, changes, current: place.current };
  } catch (error) {
    if (!(error instanceof DeployError)) throw error;
    context.warn(
      `The definition of release ${release.id} cannot be read, so its workers keep what PM2 has stored: ${error.message}`,
    );
    return undefined;
  }
}
