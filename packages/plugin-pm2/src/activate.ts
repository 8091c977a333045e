import { type ActivateContext, type HealthCheckOptions, isInside, type ReleaseInfo } from "@deployer/core";
import { endAbandoned } from "./abandoned.ts";
import { type Expectation, lookAtWorker } from "./accept.ts";
import { addWorkers } from "./add-workers.ts";
import { bringBack } from "./bring-back.ts";
import { changeBack } from "./change.ts";
import { changeOver } from "./change-over.ts";
import { findPm2, pm2Home, runningDaemon } from "./daemon.ts";
import type { AppDefinition } from "./definition.ts";
import { pm2Error } from "./errors.ts";
import { endOrphans, removeApps, startApp } from "./first-start.ts";
import { logFolders } from "./log-files.ts";
import type { Settings } from "./options.ts";
import { isOurs } from "./ours.ts";
import { pm2Place } from "./place.ts";
import { changeOf, type Pm2Place, pm2App } from "./pm2-app.ts";
import { pm2ProcessManager, startDaemon } from "./pm2-process-manager.ts";
import type { ProcessManager } from "./process-manager.ts";
import { currentDirectory, readDefinitions } from "./read-definitions.ts";
import { activationFailed, reloadWorker } from "./reload.ts";
import { withReloadLock } from "./reload-lock.ts";
import { saveList } from "./save.ts";
import { letDrain } from "./teach-to-drain.ts";
import { goneApps, noteApps } from "./tidy.ts";
import { instancesWanted, type Way, waysOf } from "./way.ts";
import { isLaunching, type Stored, type Worker } from "./worker.ts";

const SOAK_INTERVAL_MS = 500;
const SETTLE_INTERVAL_MS = 200;
const UNDO_MARGIN_MS = 60_000;

/** What an activation has in hand. */
interface Activation {
  readonly context: ActivateContext;
  readonly manager: ProcessManager;
  readonly settings: Settings;
  readonly place: Pm2Place;
  readonly apps: readonly AppDefinition[];
}

/** Starts or reloads every app of the release that `current` points at, and returns when all its workers are accepted. */
export async function activate(context: ActivateContext, settings: Settings): Promise<void> {
  const { apps } = await readDefinitions(context, context.release.appPath, settings);
  const daemon = await runningDaemon(pm2Home(context));
  const installation = await findPm2(context, settings.path, daemon);
  const manager = pm2ProcessManager(context, installation);
  if (daemon === undefined) {
    await endAbandoned(context, manager, pm2Home(context), settings.drainTimeoutMs);
    await startDaemon(context, installation);
  }
  const activation = { context, manager, settings, place: await pm2Place(context, context.release), apps };
  await withReloadLock(context, () => activateApps(activation, daemon === undefined));
}

async function activateApps(activation: Activation, isNewDaemon: boolean): Promise<void> {
  const { context, manager, settings, apps } = activation;
  const release = await context.fs.realPath(context.release.path);
  const list = await waitUntilSettled(activation);
  const ways = waysOf(apps, list, context.paths, currentDirectory(context));
  for (const name of goneApps(context, list, apps).unknown) {
    context.warn(`${name} runs from this root and is in no ecosystem file known here; it is left as it is.`);
  }
  await noteApps(context, manager, apps, list);
  await endOrphans(context, manager);

  const accepted: { worker: Worker; expected: Expectation }[] = [];
  for (const [app, way] of ways) {
    const expected = {
      release,
      health: app.health,
      outside: app.outside,
      env: app.env,
      revision: context.release.revision.hash,
    };
    for (const worker of await bring(activation, app, way, expected))
      accepted.push({ worker, expected: { ...expected, pid: worker.pid, restarts: worker.restarts } });
  }
  await soak(activation, accepted);
  const names = apps.map(({ name }) => name);
  if (settings.save) await saveList(context, manager, names, isNewDaemon);
}

/** Another reload may be under way, a person's for example: two at once would take each other's workers. */
async function waitUntilSettled({ context, manager, settings, apps }: Activation): Promise<Worker[]> {
  const deadline = context.clock.elapsed() + settings.healthTimeoutMs;
  const names = new Set(apps.map((app) => app.name));
  for (;;) {
    const list = await manager.list();
    const busy = list.find(
      (worker) => (names.has(worker.name) || isOurs(worker, context.paths)) && isLaunching(worker),
    );
    // An old worker of a reload is in no list, and whose it is cannot be told; so only its end is waited for.
    const isLate = context.clock.elapsed() > deadline;
    if (busy === undefined && (isLate || (await manager.parked()) === 0)) return list;
    if (busy !== undefined && isLate) {
      throw pm2Error("ERR_ACTIVATION_FAILED", {
        message: `${busy.name} (PM2 id ${busy.id}) is "${busy.status}" already: somebody else starts or reloads it.`,
        hint: "Wait until `pm2 list` shows it online, then deploy again.",
        details: { app: busy.name, id: busy.id },
      });
    }
    await context.clock.sleep(SETTLE_INTERVAL_MS, context.signal);
  }
}

function bring(
  activation: Activation,
  app: AppDefinition,
  way: Exclude<Way, { kind: "refused" }>,
  expected: Expectation,
): Promise<Worker[]> {
  switch (way.kind) {
    case "start":
      return start(activation, app, expected);
    case "reload":
      return reload(activation, app, way, expected);
    case "change-over": {
      const { context, manager, settings, place } = activation;
      return changeOver({
        context,
        manager,
        name: app.name,
        workers: way.workers,
        change: changeOf(app, place, settings),
        preload: place.preload,
        drainMs: settings.drainTimeoutMs,
        instances: instancesWanted(app),
        expected,
        timeoutMs: settings.healthTimeoutMs,
      });
    }
  }
}

async function start(activation: Activation, app: AppDefinition, expected: Expectation): Promise<Worker[]> {
  const { context, manager, settings, place } = activation;
  const undoMs = settings.healthTimeoutMs + UNDO_MARGIN_MS;
  context.undo(
    `take ${app.name} out of PM2`,
    async ({ signal }) => {
      await context.current.restore();
      await removeApps({ context, manager, signal, timeoutMs: undoMs }, (worker) => worker.name === app.name);
    },
    { timeoutMs: undoMs },
  );
  return startApp({
    context,
    manager,
    app: pm2App(app, place, settings),
    expected,
    timeoutMs: settings.healthTimeoutMs,
    signal: context.signal,
  });
}

async function reload(
  activation: Activation,
  app: AppDefinition,
  { workers, added }: Way & { kind: "reload" },
  expected: Expectation,
): Promise<Worker[]> {
  const { context, manager, settings, place } = activation;
  const change = changeOf(app, place, settings);
  // PM2's own client does that at a first start.
  for (const folder of logFolders(change.fields)) await context.fs.makeDirectory(folder);
  const timing = { timeoutMs: settings.healthTimeoutMs, drainMs: settings.drainTimeoutMs + UNDO_MARGIN_MS };
  const undoMs = (timing.timeoutMs + timing.drainMs) * workers.length;
  const served = await releaseBefore(activation, workers);
  const reloaded = new Set<number>();
  context.undo(
    `bring ${app.name} back to the release before`,
    async ({ signal }) => {
      // Workers start through `current`: it must point back before any of them does.
      await context.current.restore();
      const failures: unknown[] = [];
      for (const worker of workers.filter(({ id }) => reloaded.has(id))) {
        const before = { release: served(worker), health: storedHealth(worker.stored) };
        const back = changeBack(worker, change);
        await bringBack({ context, manager, id: worker.id, change: back, expected: before, ...timing, signal }).catch(
          (error: unknown) => failures.push(error),
        );
      }
      // One that cannot be brought back must not keep the others from it.
      if (failures.length > 0) throw failures[0];
    },
    { timeoutMs: undoMs },
  );
  const accepted: Worker[] = [];
  for (const worker of workers) {
    // In fork mode it has no visitors, and its shutdown is its own affair.
    if (worker.mode === "cluster") await letDrain(context, worker, place.preload, settings.drainTimeoutMs);
    reloaded.add(worker.id);
    accepted.push(
      await reloadWorker({ context, manager, worker, change, expected, ...timing, signal: context.signal }),
    );
  }
  const model = accepted[0];
  if (added === 0 || model === undefined) return accepted;
  const known = new Set((await manager.list()).map(({ id }) => id));
  context.undo(
    `end the workers added to ${app.name}`,
    async ({ signal }) => {
      await context.current.restore();
      const isAdded = (worker: Worker): boolean => worker.name === app.name && !known.has(worker.id);
      await removeApps({ context, manager, signal, timeoutMs: undoMs }, isAdded);
    },
    { timeoutMs: undoMs },
  );
  const begin = { context, manager, expected, timeoutMs: timing.timeoutMs, signal: context.signal };
  return [...accepted, ...(await addWorkers({ ...begin, model, count: added }))];
}

/** Where each worker must be again after an undo: in the previous release, or where it was when there is none on record. */
async function releaseBefore({ context }: Activation, workers: readonly Worker[]): Promise<(worker: Worker) => string> {
  const previous = context.previous === undefined ? undefined : await realPathOf(context, context.previous);
  const places = new Map<number, string>();
  for (const worker of workers) places.set(worker.id, (await context.processes.workingDirectory(worker.pid)) ?? "");
  // One that was started from inside a release goes back there, wherever `current` points.
  const through = (worker: Worker): boolean => isInside(worker.cwd, context.paths.current);
  return (worker) => (through(worker) ? previous : undefined) ?? places.get(worker.id) ?? "";
}

async function realPathOf({ fs }: ActivateContext, release: ReleaseInfo): Promise<string> {
  return (await fs.resolve(release.path)) === undefined ? release.path : fs.realPath(release.path);
}

/** The health check that a worker was started with; none when it has no private socket to answer on. */
export function storedHealth(stored: Stored): HealthCheckOptions | undefined {
  const { DEPLOYER_HEALTH: path, DEPLOYER_HEALTH_STATUS: status } = stored.env;
  if (typeof path !== "string") return undefined;
  return status === undefined ? { path } : { path, status: String(status) as `${number}-${number}` };
}

/** One watch over all new workers after the last one took over: for what goes bad only under traffic, or after a while. */
async function soak(
  { context, manager, settings }: Activation,
  accepted: readonly { worker: Worker; expected: Expectation }[],
): Promise<void> {
  const began = context.clock.elapsed();
  for (;;) {
    const left = settings.soakMs - (context.clock.elapsed() - began);
    if (left > 0) await context.wait(Math.min(SOAK_INTERVAL_MS, left));
    const list = await manager.list();
    for (const { worker, expected } of accepted) {
      const now = list.find((candidate) => candidate.id === worker.id);
      const fault = await lookAtWorker(context, now, expected, context.signal);
      context.signal.throwIfAborted();
      if (fault !== null) throw await activationFailed(context, worker, fault);
    }
    if (left <= 0) return;
  }
}
