import type { AppConfig } from "../plugin/contexts.ts";
import { nodeFileSystem } from "../ports/node-file-system.ts";
import { procProcessTable } from "../ports/proc-process-table.ts";
import { currentId } from "../release/current-link.ts";
import { layout } from "../release/layout.ts";
import { type Decision, type ReleaseRecord, type RunRecord, RunStore, type StepRecord } from "../store/run-store.ts";

export interface Status {
  readonly schema: 1;
  readonly app: string;
  readonly environment: string | null;
  readonly root: string;
  readonly current: ReleaseRecord | null;
  /** A run that is at work now. */
  readonly running: Pick<RunRecord, "id" | "reason" | "stage" | "holder"> | null;
  /** A run that died and that the next command settles. */
  readonly interrupted: Pick<RunRecord, "id" | "reason" | "stage"> | null;
  readonly lastRun: RunRecord | null;
  readonly decisions: readonly (Decision & { readonly watched: string })[];
}

export interface ReleaseListing extends ReleaseRecord {
  readonly current: boolean;
}

export interface HistoryEntry extends RunRecord {
  readonly steps: readonly StepRecord[];
}

/** What is served, what is at work and what was decided; reads only and takes no lock. */
export async function status(config: AppConfig): Promise<Status> {
  const paths = layout(config.root);
  const store = RunStore.openReadOnly(paths.store);
  try {
    const id = await currentId(nodeFileSystem, paths);
    const [open] = store?.openRuns() ?? [];
    const isAlive = open !== undefined && (await procProcessTable.isAlive(open.holder.process));
    const [last] = store?.history(1) ?? [];
    return {
      schema: 1,
      app: config.app,
      environment: config.environment,
      root: config.root,
      current: (id === undefined ? undefined : store?.release(id)) ?? null,
      running:
        open !== undefined && isAlive
          ? { id: open.id, reason: open.reason, stage: open.stage, holder: open.holder }
          : null,
      interrupted: open !== undefined && !isAlive ? { id: open.id, reason: open.reason, stage: open.stage } : null,
      lastRun: last ?? null,
      decisions: store?.decisions() ?? [],
    };
  } finally {
    store?.close();
  }
}

/** The releases on disk, newest first. */
export async function releases(config: AppConfig): Promise<ReleaseListing[]> {
  const paths = layout(config.root);
  const store = RunStore.openReadOnly(paths.store);
  try {
    const id = await currentId(nodeFileSystem, paths);
    return (store?.releases() ?? []).map((release) => ({ ...release, current: release.id === id })).reverse();
  } finally {
    store?.close();
  }
}

/** The last runs with their steps, newest first. */
export function history(config: AppConfig, limit: number): HistoryEntry[] {
  const store = RunStore.openReadOnly(layout(config.root).store);
  try {
    return (store?.history(limit) ?? []).map((run) => ({ ...run, steps: store?.steps(run.id) ?? [] }));
  } finally {
    store?.close();
  }
}
