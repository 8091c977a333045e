import type { ResolvedConfig } from "../config/resolve.ts";
import { redactValue } from "../errors/redact.ts";
import { checkedStatus } from "../plugin/answers.ts";
import type { AppConfig, PluginStatus } from "../plugin/contexts.ts";
import { nodeFileSystem } from "../ports/node-file-system.ts";
import { nodeProcessRunner } from "../ports/node-process-runner.ts";
import { procProcessTable } from "../ports/proc-process-table.ts";
import { systemClock } from "../ports/system-clock.ts";
import { currentId } from "../release/current-link.ts";
import { layout } from "../release/layout.ts";
import type { LastCheck, Outage } from "../store/check-records.ts";
import { openToLook } from "../store/open-to-look.ts";
import type { Decision, ReleaseRecord, RunRecord, RunStore, StepRecord } from "../store/run-store.ts";
import { type FoundDowntime, findDowntimes } from "./downtimes.ts";
import { outageSummary } from "./outage.ts";
import { extend, Session } from "./session.ts";
import { siteRedactor } from "./site-redactor.ts";

const STATUS_MS = 10_000;

export interface Status {
  readonly schema: 1;
  readonly app: string;
  readonly environment: string | null;
  readonly root: string;
  readonly current: ReleaseRecord | null;
  /** A run that is at work now. */
  readonly running: Pick<RunRecord, "id" | "kind" | "reason" | "stage" | "holder"> | null;
  /** A run that died and that the next command settles. */
  readonly interrupted: Pick<RunRecord, "id" | "kind" | "reason" | "stage"> | null;
  readonly lastRun: RunSummary | null;
  /** When cron, or a person, last asked for something new, and how that ended. */
  readonly lastCheck: LastCheck | null;
  /** For what checks fail now. */
  readonly outages: readonly Outage[];
  readonly decisions: readonly (Decision & { readonly watched: string })[];
  /** What plugins see of the machine, by name. */
  readonly plugins: Readonly<Record<string, PluginStatus>>;
  /** What keeps the release from being served that was accepted last. */
  readonly downtimes: readonly FoundDowntime[];
}

/** A run as it is told: without the options of its plugins, which are for its recovery alone. */
export interface RunSummary extends Omit<RunRecord, "plugins"> {
  /** Names of its plugins. */
  readonly plugins: readonly string[];
}

export interface ReleaseListing extends ReleaseRecord {
  readonly current: boolean;
}

export interface HistoryEntry extends RunSummary {
  readonly steps: readonly StepRecord[];
}

/** What is served, what is at work and what was decided; reads only and takes no lock. */
export async function status(resolved: ResolvedConfig): Promise<Status> {
  const { config } = resolved;
  const paths = layout(config.root);
  const store = openToLook(paths);
  try {
    const id = await currentId(nodeFileSystem, paths);
    const [open] = store?.openRuns() ?? [];
    const isAlive = open !== undefined && (await procProcessTable.isAlive(open.holder.process));
    const [last] = store?.history(1) ?? [];
    const current = (id === undefined ? undefined : store?.release(id)) ?? null;
    const session = store === undefined ? undefined : lookingSession(resolved, store);
    return clean(resolved, {
      schema: 1,
      app: config.app,
      environment: config.environment,
      root: config.root,
      current,
      running:
        open !== undefined && isAlive
          ? { id: open.id, kind: open.kind, reason: open.reason, stage: open.stage, holder: open.holder }
          : null,
      interrupted:
        open !== undefined && !isAlive
          ? { id: open.id, kind: open.kind, reason: open.reason, stage: open.stage }
          : null,
      lastRun: last === undefined ? null : runSummary(last),
      lastCheck: store?.checks.last() ?? null,
      outages: (store?.checks.lasting() ?? []).map(outageSummary),
      decisions: store?.decisions() ?? [],
      plugins: session === undefined ? {} : await pluginStatus(session, current),
      // A run at work takes workers down and up.
      downtimes: session === undefined || open !== undefined ? [] : await findDowntimes(session),
    });
  } finally {
    store?.close();
  }
}

/** Looks, and waits for no plugin for long. */
function lookingSession(resolved: ResolvedConfig, store: RunStore): Session {
  return new Session({
    resolved,
    ports: { clock: systemClock, fs: nodeFileSystem, runner: nodeProcessRunner, processes: procProcessTable },
    store,
    run: { id: "status", kind: "inspect" },
    signal: AbortSignal.timeout(STATUS_MS),
    reporters: [],
    environment: process.env,
  });
}

/** One that cannot say anything now must not keep the others, and core, from it. */
async function pluginStatus(session: Session, current: ReleaseRecord | null): Promise<Record<string, PluginStatus>> {
  const info = current === null ? undefined : session.releaseInfo(current);
  const said: Record<string, PluginStatus> = {};
  for (const plugin of session.resolved.plugins) {
    if (plugin.status === undefined) continue;
    const context = extend(session.context(plugin.name), { current: info });
    const ask = async (): Promise<PluginStatus> => checkedStatus(await plugin.status?.(context));
    said[plugin.name] = await ask().catch((error: unknown) => {
      const text = session.redact(error instanceof Error ? error.message : String(error));
      return { lines: [`${plugin.name} cannot say anything: ${text}`], data: null };
    });
  }
  return said;
}

/** The releases on disk, newest first. */
export async function releases(config: AppConfig): Promise<ReleaseListing[]> {
  const paths = layout(config.root);
  const store = openToLook(paths);
  try {
    const id = await currentId(nodeFileSystem, paths);
    const list = (store?.releases() ?? []).map((release) => ({ ...release, current: release.id === id }));
    return clean({ config, env: [] }, list.reverse());
  } finally {
    store?.close();
  }
}

/** The last runs with their steps, newest first. */
export function history(config: AppConfig, limit: number): HistoryEntry[] {
  const store = openToLook(layout(config.root));
  try {
    const runs = store?.history(limit) ?? [];
    return clean(
      { config, env: [] },
      runs.map((run) => ({ ...runSummary(run), steps: store?.steps(run.id) ?? [] })),
    );
  } finally {
    store?.close();
  }
}

/** Checks that failed, once for each thing they failed for, newest first. */
export function outages(config: AppConfig, limit: number): Outage[] {
  const store = openToLook(layout(config.root));
  try {
    return clean({ config, env: [] }, (store?.checks.outages(limit) ?? []).map(outageSummary));
  } finally {
    store?.close();
  }
}

function runSummary({ plugins, ...run }: RunRecord): RunSummary {
  return { ...run, plugins: plugins.map(({ name }) => name) };
}

/** What is in the store was masked by what was secret then. */
function clean<Told>(site: Parameters<typeof siteRedactor>[0], told: Told): Told {
  return redactValue(told, siteRedactor(site, process.env).redact) as Told;
}
