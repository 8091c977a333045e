import { basename, join } from "node:path";
import { type CleanupContext, type Context, type DeployError, plural } from "@deployer/core";
import { endWorkers } from "./add-workers.ts";
import { forgetChangeOver } from "./change-over.ts";
import { findPm2, pm2Home, runningDaemon } from "./daemon.ts";
import type { AppDefinition } from "./definition.ts";
import { endOrphans } from "./first-start.ts";
import type { Settings } from "./options.ts";
import { isOurs } from "./ours.ts";
import { pm2ProcessManager } from "./pm2-process-manager.ts";
import type { ProcessManager } from "./process-manager.ts";
import { currentDirectory, readDefinitions } from "./read-definitions.ts";
import { saveList } from "./save.ts";
import { wayOf } from "./way.ts";
import type { Worker } from "./worker.ts";

const STATE = "apps";
const SERVED = "served";
const BEFORE = "before";
const MARGIN_MS = 60_000;

/** After the release is accepted: ends what the new definition no longer has, orphans, and preloads that nothing names. */
export async function tidy(context: CleanupContext, settings: Settings): Promise<void> {
  const daemon = await runningDaemon(pm2Home(context));
  if (daemon === undefined) return;
  const manager = pm2ProcessManager(context, await findPm2(context, settings.path, daemon));
  const { apps } = await readDefinitions(context, context.release.appPath, settings);
  await endUnwanted(context, manager, settings, apps);
  await removeOldPreloads(context, manager);
}

/** Ends workers that are too many and apps that are gone from the ecosystem file. Only when their successors are accepted. */
export async function endUnwanted(
  context: Context,
  manager: ProcessManager,
  settings: Settings,
  apps: readonly AppDefinition[],
): Promise<void> {
  const list = await manager.list();
  const surplus = apps.flatMap((app) => {
    const way = wayOf(app, list, context.paths, currentDirectory(context));
    return way.kind === "reload" ? way.surplus : [];
  });
  const { known } = goneApps(context, list, apps);
  const gone = list.filter((worker) => known.includes(worker.name));
  const unwanted = [...surplus, ...gone];
  for (const name of new Set(unwanted.map((worker) => worker.name))) {
    const count = unwanted.filter((worker) => worker.name === name).length;
    context.info(
      known.includes(name)
        ? `${name} is no longer in the ecosystem file: its ${plural(count, "worker ends", "workers end")}`
        : `${name} has fewer instances now: ${plural(count, "worker ends", "workers end")}`,
    );
  }
  const timeoutMs = settings.drainTimeoutMs + MARGIN_MS;
  await endWorkers({ context, manager, timeoutMs }, new Set(unwanted.map(({ id }) => id)));
  await endOrphans(context, manager);
  forgetChangeOver(context);
  const names = apps.map(({ name }) => name);
  context.state.set(STATE, names);
  context.state.set(SERVED, names);
  if (unwanted.length > 0 && settings.save) await saveList(context, manager, [...names, ...known]);
}

/** What PM2 had when a run came to it; its ids are of use only as long as the same daemon lives. */
interface Before {
  readonly run: string;
  readonly daemon: number | undefined;
  readonly ids: readonly number[];
}

/** The ids that PM2 had before a run, or `undefined` when nothing sure is known. */
export function idsBefore(context: Context, run: string, daemon: number | undefined): Set<number> | undefined {
  const before = context.state.get<Before>(BEFORE);
  return before?.run === run && before.daemon === daemon && daemon !== undefined ? new Set(before.ids) : undefined;
}

/** Whether a run of ours found this daemon empty, or started it. */
export function isStartedByUs(context: Context, daemon: number | undefined): boolean {
  const before = context.state.get<Before>(BEFORE);
  return daemon !== undefined && before?.daemon === daemon;
}

/**
 * Before anything is started or reloaded: what runs under these names was defined by a release, and may be ended when it
 * is gone; what is not in the list now was started by this run.
 */
export async function noteApps(
  context: Context,
  manager: ProcessManager,
  apps: readonly AppDefinition[],
  list: readonly Worker[],
): Promise<void> {
  const daemon = await manager.daemonPid();
  // A run that died and is now brought to its end has noted it: what is there today, it may have started itself.
  if (idsBefore(context, context.run.id, daemon) === undefined)
    context.state.set(BEFORE, { run: context.run.id, daemon, ids: list.map(({ id }) => id) } satisfies Before);
  context.state.set(STATE, [...new Set([...knownApps(context), ...apps.map(({ name }) => name)])]);
}

/** Apps of this root that are no longer defined: `known` once were, `unknown` were started by somebody else. */
export function goneApps(
  context: Context,
  list: readonly Worker[],
  apps: readonly AppDefinition[],
): { readonly known: string[]; readonly unknown: string[] } {
  const defined = new Set(apps.map(({ name }) => name));
  const ours = list.filter((worker) => isOurs(worker, context.paths) && !defined.has(worker.name));
  const names = [...new Set(ours.map(({ name }) => name))];
  const known = new Set(knownApps(context));
  return { known: names.filter((name) => known.has(name)), unknown: names.filter((name) => !known.has(name)) };
}

/** Names that some release of this root has defined. */
export function knownApps(context: Context): readonly string[] {
  return context.state.get<readonly string[]>(STATE) ?? [];
}

/** Names that the release that was accepted last defines; `undefined` when nobody has noted them. */
export function servedApps(context: Context): readonly string[] | undefined {
  return context.state.get<readonly string[]>(SERVED);
}

/** A preload of an older deployer goes when neither a worker nor PM2's dump names it any more. */
async function removeOldPreloads(context: Context, manager: ProcessManager): Promise<void> {
  const { fs, paths } = context;
  if ((await manager.parked()) > 0) return;
  const home = pm2Home(context);
  const dumps = await Promise.all(
    ["dump.pm2", "dump.pm2.bak"].map((name) => fs.readText(join(home, name)).catch(ifMissing)),
  );
  const named = [...dumps, JSON.stringify(await manager.list())].join("\n");
  for (const name of await fs.list(paths.preload)) {
    if (!named.includes(basename(name))) await fs.remove(join(paths.preload, name));
  }
}

function ifMissing(error: DeployError | NodeJS.ErrnoException): string {
  if (error.code === "ENOENT") return "";
  throw error;
}
