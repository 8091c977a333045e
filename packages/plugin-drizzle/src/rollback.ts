import type { Context, RollbackContext } from "@deployer/core";
import type { AppliedMigration } from "./applied.ts";
import type { AppDatabase } from "./databases.ts";
import type { LiveDatabase } from "./live-database.ts";
import { type CommittedMigration, knownHashes, vouchFor } from "./memory.ts";
import { pastMigrations } from "./past-migrations.ts";
import { lookAtAll } from "./plan.ts";
import { describeRows, names } from "./refusals.ts";

/**
 * Refuses to return to a release that does not know the live schema, unless this deployer committed each migration that
 * it lacks: those were made while an older release was running, and stay.
 */
export async function approveRollback(databases: readonly AppDatabase[], context: RollbackContext): Promise<void> {
  const migrated = databases.filter(({ migrations }) => migrations !== undefined);
  const lives = await lookAtAll(migrated, context);
  const all = judgeAll(migrated, lives, context.release.id, context);
  const unfit = all.find((it) => !isFit(it));
  if (unfit !== undefined) {
    const safe = context.older.find(({ id }) => judgeAll(migrated, lives, id, context).every(isFit));
    context.veto(reason(unfit, context.release.id), await waysOut(unfit, safe?.id, context));
  }
  for (const { database, ours } of all) {
    if (ours.length > 0)
      context.warn(
        `${database.name}: ${names(ours)} stays applied, although release ${context.release.id} does not know it.`,
      );
  }
}

/** What a database has that a release does not know. */
interface Judgement {
  readonly database: AppDatabase;
  readonly ours: readonly CommittedMigration[];
  readonly breaking: readonly CommittedMigration[];
  readonly foreign: readonly AppliedMigration[];
}

function judgeAll(
  databases: readonly AppDatabase[],
  lives: readonly (LiveDatabase | undefined)[],
  release: string,
  { state }: Pick<Context, "state">,
): Judgement[] {
  return databases.map((database, index) => {
    const known = knownHashes(state, release, database.file);
    const unknown = (lives[index]?.applied ?? []).filter(({ hash }) => !known.includes(hash));
    return { database, ...vouchFor(state, database.file, unknown) };
  });
}

function isFit({ breaking, foreign }: Judgement): boolean {
  return breaking.length === 0 && foreign.length === 0;
}

function reason({ database: { name, file }, breaking, foreign }: Judgement, release: string): string {
  if (foreign.length > 0) {
    return `${name} (${file}) has migrations that release ${release} does not know and that this deployer did not commit: ${describeRows(foreign)}.`;
  }
  return `Release ${release} would not work with the schema of ${name} (${file}): ${names(breaking)}, committed since, was not safe for it.`;
}

async function waysOut(
  { breaking, foreign }: Judgement,
  safe: string | undefined,
  context: RollbackContext,
): Promise<string> {
  const rollback =
    safe === undefined
      ? "None of the older releases works with it."
      : `The newest that does is ${safe}: \`deployer rollback ${safe}\`.`;
  if (foreign.length > 0)
    return `${rollback} Or deploy a revision that has these migrations: \`deployer deploy <ref>\`.`;
  const run = breaking[0]?.run;
  const past = await pastMigrations(context);
  const snapshot = past.find(({ journal, hasSnapshots }) => hasSnapshots && journal.run === run);
  return [
    rollback,
    "Or take the schema back first: `deployer db undo` undoes the newest migration, and says what would be lost.",
    snapshot === undefined
      ? "There is no snapshot of before it any more."
      : `The snapshot of before it gives up what was written since: \`deployer db restore ${run} --lose-writes\`.`,
  ].join(" ");
}
