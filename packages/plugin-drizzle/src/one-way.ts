import type { MigrateContext } from "@deployer/core";
import type { PlacedFindingOf } from "./verdict.ts";

/**
 * A context that, with the first COMMIT of a migration that breaks the release before, tells core that this run can no
 * longer be undone by itself.
 */
export function withOneWay(context: MigrateContext, breaking: readonly PlacedFindingOf[]): MigrateContext {
  return {
    ...context,
    migrated(database, names) {
      context.migrated(database, names);
      const broken = breaking.filter(({ plan }) => plan.database.name === database);
      if (broken.length === 0) return;
      const migrations = [...new Set(broken.map(({ migration }) => migration))].join(", ");
      context.oneWay(
        `${database}: ${migrations} is committed, and the release before does not work with it.`,
        "Mend what failed and deploy again, or take the schema back without losing a row: `deployer db undo`.",
      );
    },
  };
}
