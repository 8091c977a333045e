import { join } from "node:path";
import type { MigrateContext } from "@deployer/core";
import { heldError } from "./held-error.ts";
import { type HeldEnding, holdInChild } from "./held-phase.ts";
import { type JournalDatabase, journalPath, type MigrationJournal, writeJournal } from "./journal.ts";
import { rememberCommitting, rememberKnown } from "./memory.ts";
import { tellCommitted } from "./one-way.ts";
import type { DatabasePlan } from "./plan.ts";
import type { Schema } from "./schema.ts";
import { settle } from "./settle-journals.ts";
import { pruneSnapshots, snapshotPath } from "./snapshots.ts";
import type { PlacedFindingOf } from "./verdict.ts";

/** What the link stage found out: the plans, and the schemas that the rehearsal ended with. */
export interface Rehearsal {
  readonly plans: readonly DatabasePlan[];
  /** What breaks the release before, as its migrations' files say. */
  readonly breaking: readonly PlacedFindingOf[];
  readonly schemas: ReadonlyMap<string, Schema>;
  /** Milliseconds that the pending statements took on the copy. */
  readonly predictedMs: ReadonlyMap<string, number>;
  /** The release's setup module. */
  readonly setup: string | null;
}

/** Runs all pending migrations of all databases, which commit together: an error before the first COMMIT undoes all. */
export async function migrateAll(rehearsal: Rehearsal, limitMs: number, context: MigrateContext): Promise<void> {
  const { plans } = rehearsal;
  rememberKnown(
    context.state,
    context.release.id,
    Object.fromEntries(plans.map(({ database, known }) => [database.file, known])),
  );
  const pending = plans.filter((plan) => plan.pending.length > 0);
  if (pending.length === 0) return;
  const journal = await draftJournal(pending, rehearsal, limitMs, context);
  // Before the first COMMIT: a kill right after it must not leave rows that nobody vouches for.
  for (const plan of pending) rememberPlan(plan, context);
  const path = journalPath(context.paths, journal.run);
  writeJournal(path, journal);
  const names = journal.databases.map(({ name }) => name);
  await conclude(await holdInChild(path, journal, names, context), journal, context);
  await pruneSnapshots(context);
}

async function conclude(ending: HeldEnding, journal: MigrationJournal, context: MigrateContext): Promise<void> {
  if (ending.outcome === "done") {
    for (const database of journal.databases) tellCommitted(database, context, context.state);
    context.info(`Committed; the databases were locked for ${Math.ceil(ending.lockedMs)} ms.`);
    return;
  }
  if (ending.outcome === "failed" && (ending.problem.kind === "incomplete" || ending.problem.kind === "unverified")) {
    const committed: readonly string[] = ending.problem.kind === "incomplete" ? ending.problem.committed : [];
    for (const database of journal.databases.filter(({ name }) => committed.includes(name)))
      tellCommitted(database, context, context.state);
    throw heldError(ending, journal.databases, context.redact);
  }
  // Whatever was said, the databases tell what is true: a process that died may have committed before.
  if ((await settle(journal, context, context)) === "done") return;
  if (ending.outcome === "interrupted") context.signal.throwIfAborted();
  if (ending.outcome === "interrupted") throw new Error("interrupted without a signal");
  throw heldError(ending, journal.databases, context.redact);
}

async function draftJournal(
  plans: readonly DatabasePlan[],
  { breaking, schemas, predictedMs, setup }: Rehearsal,
  limitMs: number,
  { fs, paths, run, release, clock }: MigrateContext,
): Promise<MigrationJournal> {
  const directory = join(paths.snapshots, run.id);
  for (const folder of [paths.migrations, paths.snapshots]) await fs.makeDirectory(folder, 0o700);
  await fs.createDirectory(directory, 0o700);
  const databases = plans.map(
    ({ database: { name, file, path }, live, pending, schema }): JournalDatabase => ({
      name,
      file,
      path,
      live: live === undefined ? null : pick(live),
      applied: live?.applied ?? [],
      before: schema,
      after: schemas.get(name) ?? null,
      pending,
      oneWay: [
        ...new Set(breaking.filter(({ plan }) => plan.database.name === name).map(({ migration }) => migration)),
      ],
      predictedMs: predictedMs.get(name) ?? 0,
      snapshot: live === undefined ? null : snapshotPath(directory, name),
      committed: null,
    }),
  );
  return {
    version: 1,
    run: run.id,
    release: release.id,
    at: new Date(clock.now()).toISOString(),
    state: "prepared",
    process: null,
    limitMs,
    setup,
    databases,
  };
}

function pick({ path, device, inode, journalMode }: NonNullable<DatabasePlan["live"]>): JournalDatabase["live"] {
  return { path, device, inode, journalMode };
}

function rememberPlan({ database, pending }: DatabasePlan, { state, run, release, previous }: MigrateContext): void {
  const origin = { run: run.id, release: release.id, previous: previous?.id ?? null };
  rememberCommitting(
    state,
    database.file,
    pending.map(({ tag, when, hash }) => ({ tag, when, hash, ...origin })),
  );
}
