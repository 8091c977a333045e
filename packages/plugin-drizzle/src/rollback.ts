import type { RollbackContext } from "@deployer/core";
import type { AppliedMigration } from "./applied.ts";
import type { AppDatabase } from "./databases.ts";
import { knownHashes, vouchFor } from "./memory.ts";
import { lookAtAll } from "./plan.ts";
import { describeRows, names } from "./refusals.ts";

/**
 * Refuses to return to a release that does not know the live schema, unless this deployer committed each migration that
 * it lacks: those were made while an older release was running, and stay.
 */
export async function approveRollback(databases: readonly AppDatabase[], context: RollbackContext): Promise<void> {
  const migrated = databases.filter(({ migrations }) => migrations !== undefined);
  const lives = await lookAtAll(migrated, context);
  for (const [index, database] of migrated.entries()) approve(database, lives[index]?.applied ?? [], context);
}

function approve({ name, file }: AppDatabase, applied: readonly AppliedMigration[], context: RollbackContext): void {
  const known = knownHashes(context.state, context.release.id, file);
  const unknown = applied.filter(({ hash }) => !known.includes(hash));
  const { ours, breaking, foreign } = vouchFor(context.state, file, unknown);
  if (foreign.length > 0) {
    context.veto(
      `${name} (${file}) has migrations that release ${context.release.id} does not know and that this deployer did not commit: ${describeRows(foreign)}.`,
      "Deploy a revision that has these migrations: `deployer deploy <ref>`.",
    );
  }
  if (breaking.length > 0) {
    const safe = breaking.at(-1)!.release;
    context.veto(
      `Release ${context.release.id} would not work with the schema of ${name} (${file}): ${names(breaking)}, committed since, was not safe for it. Safe are release ${safe} and those after it.`,
      `Choose one of these (\`deployer releases\`), or take the schema back first: \`deployer db undo\` keeps every row; \`deployer db snapshots\` lists the copies made before.`,
    );
  }
  if (ours.length > 0)
    context.warn(`${name}: ${names(ours)} stays applied, although release ${context.release.id} does not know it.`);
}
