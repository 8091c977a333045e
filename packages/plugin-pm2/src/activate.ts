import type { ActivateContext, HealthCheckOptions, ReleaseInfo } from "@deployer/core";
import { type Expectation, lookAtWorker } from "./accept.ts";
import { bringBack } from "./bring-back.ts";
import { changeBack } from "./change.ts";
import { findPm2, pm2Home, runningDaemon } from "./daemon.ts";
import type { AppDefinition } from "./definition.ts";
import { instanceWarnings, refuseDifferences } from "./differences.ts";
import { pm2Error } from "./errors.ts";
import { removeApps, startApp } from "./first-start.ts";
import type { Settings } from "./options.ts";
import { pm2Place } from "./place.ts";
import { changeOf, type Pm2Place, pm2App } from "./pm2-app.ts";
import { pm2ProcessManager, startDaemon } from "./pm2-process-manager.ts";
import type { ProcessManager } from "./process-manager.ts";
import { currentDirectory, readDefinitions } from "./read-definitions.ts";
import { activationFailed, reloadWorker } from "./reload.ts";
import { saveList } from "./save.ts";
import { isLaunching, type Stored, type Worker } from "./worker.ts";

const SOAK_INTERVAL_MS = 500;
const SETTLE_INTERVAL_MS = 200;
const UNDO_MARGIN_MS = 60_000;

/** What an activation has in hand. */
export interface Activation {
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
  if (daemon === undefined) await startDaemon(context, installation);
  const manager = pm2ProcessManager(context, installation);
  await activateApps({ context, manager, settings, place: await pm2Place(context), apps });
}

export async function activateApps(activation: Activation): Promise<void> {
  const { context, manager, settings, apps, place } = activation;
  const release = await context.fs.realPath(context.release.path);
  const list = await waitUntilSettled(activation);
  refuseDifferences(apps, list, currentDirectory(context));
  for (const warning of instanceWarnings(apps, list)) context.warn(warning);
  for (const name of goneApps(list, apps, place.current)) {
    context.warn(
      `${name} is no longer in the ecosystem file and runs on in its old release. End it with: pm2 delete ${name}`,
    );
  }

  const accepted: { worker: Worker; expected: Expectation }[] = [];
  for (const app of apps) {
    const expected = {
      release,
      health: app.health,
      outside: app.outside,
      env: app.env,
      revision: context.release.revision.hash,
    };
    const workers = list.filter((worker) => worker.name === app.name);
    const now =
      workers.length === 0 ? await start(activation, app, expected) : await reload(activation, app, workers, expected);
    for (const worker of now)
      accepted.push({ worker, expected: { ...expected, pid: worker.pid, restarts: worker.restarts } });
  }
  await soak(activation, accepted);
  if (settings.save)
    await saveList(
      context,
      manager,
      apps.map((app) => app.name),
    );
}

/** Another reload may be under way, a person's for example: two at once would take each other's workers. */
async function waitUntilSettled({ context, manager, settings, apps, place }: Activation): Promise<Worker[]> {
  const deadline = context.clock.elapsed() + settings.healthTimeoutMs;
  const names = new Set(apps.map((app) => app.name));
  for (;;) {
    const list = await manager.list();
    const busy = list.find(
      (worker) => (names.has(worker.name) || isOurs(worker, place.current)) && isLaunching(worker),
    );
    if (busy === undefined) return list;
    if (context.clock.elapsed() > deadline) {
      throw pm2Error("ERR_ACTIVATION_FAILED", {
        message: `${busy.name} (PM2 id ${busy.id}) is "${busy.status}" already: somebody else starts or reloads it.`,
        hint: "Wait until `pm2 list` shows it online, then deploy again.",
        details: { app: busy.name, id: busy.id },
      });
    }
    await context.clock.sleep(SETTLE_INTERVAL_MS, context.signal);
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
  workers: readonly Worker[],
  expected: Expectation,
): Promise<Worker[]> {
  const { context, manager, settings, place } = activation;
  const change = changeOf(app, place, settings);
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
    reloaded.add(worker.id);
    accepted.push(
      await reloadWorker({ context, manager, worker, change, expected, ...timing, signal: context.signal }),
    );
  }
  return accepted;
}

/** Where each worker must be again after an undo: in the previous release, or where it was when there is none on record. */
async function releaseBefore({ context }: Activation, workers: readonly Worker[]): Promise<(worker: Worker) => string> {
  const previous = context.previous === undefined ? undefined : await realPathOf(context, context.previous);
  const places = new Map<number, string>();
  for (const worker of workers) places.set(worker.id, (await context.processes.workingDirectory(worker.pid)) ?? "");
  return (worker) => previous ?? places.get(worker.id) ?? "";
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

/** Whether a process of PM2 runs through this root's `current`. */
export function isOurs(worker: Worker, current: string): boolean {
  return worker.cwd === current || worker.cwd.startsWith(`${current}/`);
}

function goneApps(list: readonly Worker[], apps: readonly AppDefinition[], current: string): string[] {
  const defined = new Set(apps.map((app) => app.name));
  return [
    ...new Set(
      list.filter((worker) => isOurs(worker, current) && !defined.has(worker.name)).map((worker) => worker.name),
    ),
  ];
}
