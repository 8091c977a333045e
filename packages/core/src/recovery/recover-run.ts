import { coreError } from "../errors/catalog.ts";
import type { DeployError } from "../errors/deploy-error.ts";
import { discardRelease } from "../lifecycle/discard-release.ts";
import { toDeployError } from "../lifecycle/failure.ts";
import { fromPlugin } from "../lifecycle/from-plugin.ts";
import type { OneWay } from "../lifecycle/one-way.ts";
import { endRunProcesses } from "../lifecycle/run-processes.ts";
import { extend, type Session } from "../lifecycle/session.ts";
import { checkedMigrated, checkedTexts } from "../plugin/answers.ts";
import type { InterruptedRun, RecoverContext, RollForwardContext } from "../plugin/contexts.ts";
import type { Plugin } from "../plugin/plugin.ts";
import { currentId, restoreCurrent } from "../release/current-link.ts";
import type { RunRecord } from "../store/run-store.ts";
import { takeOver } from "./take-over.ts";
import { whereItDied } from "./where-it-died.ts";

export interface Recovered {
  readonly outcome: "undone" | "finished";
  /** Why a release that had to take over could not: a person must look. */
  readonly error?: DeployError;
}

/**
 * Settles what a run left that died: killed, or the machine went down. It decides from the store and from what is on
 * disk, never from memory of that run. Dead before it was accepted: back to what was served before. Dead after, or after
 * it had committed what breaks the release before: finished.
 * @throws ERR_PLUGIN_GONE before anything is touched; ERR_RECOVERY_FAILED when something could not be settled
 */
export async function recoverRun(session: Session, record: RunRecord): Promise<Recovered> {
  const plugins = record.plugins.map((stored) => pluginOf(session, record, stored));
  const { processes, clock } = session.ports;
  const { left } = await endRunProcesses(processes, clock, record.id, { isAccepted: record.accepted });
  if (left.length > 0) throw failed(record, new Error(`processes ${left.join(", ")} of the dead run cannot be ended`));
  try {
    const interrupted = describe(session, record);
    const { oneWay, completed } = await rollForward(session, record, plugins, interrupted);
    const isDue = !record.accepted && oneWay.length > 0;
    const error = isDue ? await takeOver(session, record, plugins, oneWay) : undefined;
    if (record.accepted || completed || (isDue && error === undefined)) {
      await recoverAll(session, plugins, { ...interrupted, accepted: true }, "finish");
      return { outcome: "finished" };
    }
    if (error === undefined) {
      await undo(session, record, plugins, interrupted);
      return { outcome: "undone" };
    }
    // The release before may not start on what is committed. A person must look anyway, and needs the commands for it.
    await undo(session, record, plugins, interrupted).catch((failure: unknown) =>
      session.warn(`Not everything could be undone: ${toDeployError(failure, session.signal).message}`),
    );
    return { outcome: "undone", error };
  } catch (error) {
    throw failed(record, error);
  }
}

/** With the options that the dead run had: today's config may name other processes or databases. */
function pluginOf(session: Session, record: RunRecord, stored: RunRecord["plugins"][number]): Plugin {
  const plugin = session.resolved.remake(stored.name, stored.options);
  if (plugin !== undefined) return plugin;
  throw coreError("ERR_PLUGIN_GONE", {
    message: `Run ${record.id} died ${whereItDied(record)}, and its plugin "${stored.name}" is no longer in the config.`,
    hint: `Put "${stored.name}" back into the config and run \`deployer check\` once; then take it out.`,
    details: { run: record.id, plugin: stored.name },
  });
}

function describe(session: Session, record: RunRecord): InterruptedRun {
  const find = (id: string | null): InterruptedRun["release"] => {
    const release = id === null ? undefined : session.store.release(id);
    return release === undefined ? undefined : session.releaseInfo(release);
  };
  return {
    id: record.id,
    kind: record.kind,
    stage: record.stage,
    release: find(record.release),
    previous: find(record.previous),
    accepted: record.accepted,
  };
}

async function undo(
  session: Session,
  record: RunRecord,
  plugins: readonly Plugin[],
  interrupted: InterruptedRun,
): Promise<void> {
  await pointBack(session, record);
  await recoverAll(session, plugins, interrupted, "undo");
  if (record.kind === "deploy" && interrupted.release !== undefined) await discardRelease(session, interrupted.release);
}

/** Workers start through `current`: it must point back before any plugin restarts one. */
async function pointBack(session: Session, record: RunRecord): Promise<void> {
  const { fs } = session.ports;
  if (record.release === null || (await currentId(fs, session.paths)) !== record.release) return;
  await restoreCurrent(fs, session.paths, record.previousLink ?? undefined);
}

async function rollForward(
  session: Session,
  record: RunRecord,
  plugins: readonly Plugin[],
  interrupted: InterruptedRun,
): Promise<{ readonly oneWay: readonly OneWay[]; readonly completed: boolean }> {
  const oneWay: OneWay[] = [];
  let completed = false;
  const migrated: Record<string, readonly string[]> = { ...record.migrated };
  for (const plugin of plugins) {
    const context: RollForwardContext = extend(session.context(plugin.name), {
      interrupted,
      migrated: (database: string, names: readonly string[]) => {
        checkedMigrated(database, names);
        // The dead run may have told some of them itself.
        migrated[database] = [...new Set([...(migrated[database] ?? []), ...names])];
        session.store.addMigrated(record.id, migrated);
      },
      oneWay: (reason: string, hint: string) => {
        checkedTexts("oneWay", reason, hint);
        oneWay.push({ reason, hint });
      },
      completed: () => {
        completed = record.kind === "command";
      },
    });
    await fromPlugin({ plugin: plugin.name, stage: "rollForward" }, () => plugin.rollForward?.(context));
  }
  return { oneWay, completed };
}

async function recoverAll(
  session: Session,
  plugins: readonly Plugin[],
  interrupted: InterruptedRun,
  direction: RecoverContext["direction"],
): Promise<void> {
  for (const plugin of plugins) {
    const context = extend(session.context(plugin.name), { interrupted, direction });
    await fromPlugin({ plugin: plugin.name, stage: "recover" }, () => plugin.recover?.(context));
  }
}

function failed(record: RunRecord, error: unknown): ReturnType<typeof coreError> {
  const cause = toDeployError(error, new AbortController().signal);
  return coreError("ERR_RECOVERY_FAILED", {
    message: `Run ${record.id} died ${whereItDied(record)}, and settling it failed: ${cause.message}`,
    hint: `${cause.hint} Then run \`deployer check\` again: it settles that run first.`,
    details: { run: record.id, code: cause.code },
    cause: error,
  });
}
