import {
  definePlugin,
  type LinkContext,
  type MigrateContext,
  type PlanContext,
  type PluginFactory,
  type RecoverContext,
  type SharedPath,
} from "@deployer/core";
import { verdictCommands } from "./commands.ts";
import { offerCopies, offerCopiesBeside } from "./copies.ts";
import { appDatabases } from "./databases.ts";
import { lookAtDatabase } from "./live-database.ts";
import { migrateAll, type Rehearsal } from "./migrate.ts";
import { removeLeftovers } from "./new-database.ts";
import { withOneWay } from "./one-way.ts";
import { type DrizzleOptions, drizzleOptionsSchema } from "./options.ts";
import { type DatabasePlan, planRelease } from "./plan.ts";
import { approveRollback } from "./rollback.ts";
import { hasRoomForCopies } from "./room.ts";
import type { Schema } from "./schema.ts";
import { judgePlans, type PlacedFindingOf, refuseBreaking } from "./verdict.ts";

/**
 * Migrates the app's SQLite databases with the migrations that drizzle-kit made: rehearsed on copies, which build and
 * trial then see, and committed together before the release is activated.
 */
export const drizzle: PluginFactory<DrizzleOptions> = definePlugin((options: DrizzleOptions) => {
  /** What the link stage found out, by release, for the migrate stage of the same run. */
  const rehearsals = new Map<string, Rehearsal>();

  /** What the acknowledged migrations of a release break, by release. */
  const oneWay = new Map<string, readonly PlacedFindingOf[]>();

  return {
    name: "drizzle",

    commands: verdictCommands(options),

    async plan({ paths, fs }: PlanContext) {
      return Promise.all(
        appDatabases(options, paths).map(async (database) => {
          const live = await lookAtDatabase(database, fs);
          const state = live === undefined ? "not there yet" : `${live.applied.length} applied`;
          return `${database.name}: ${database.file}, ${database.migrations === undefined ? "copied, never migrated" : state}`;
        }),
      );
    },

    async link(paths: readonly SharedPath[], context: LinkContext) {
      const plans = await planRelease(appDatabases(options, context.paths), paths, context.release, context);
      for (const plan of plans) tellPlan(plan, context);
      const breaking = refuseBreaking(judgePlans(plans, context.redact), context.previous, context);
      oneWay.set(context.release.id, breaking);
      const schemas = new Map<string, Schema>();
      rehearsals.set(context.release.id, { plans, schemas });
      const { copies } = context.config;
      if (copies === false) {
        if (plans.some(({ pending }) => pending.length > 0)) {
          context.skipGate(
            "migrations are pending, and with `copies: false` a trial would meet the live databases without them.",
          );
        }
        return paths;
      }
      if (!(await hasRoomForCopies(plans, copies.maxBytes, context))) return paths;
      if (plans.some(({ pending }) => pending.length > 0)) context.tryPrevious({ mayFail: breaking.length > 0 });
      offerCopiesBeside(plans, schemas, context);
      return offerCopies(paths, plans, schemas);
    },

    async migrate(context: MigrateContext) {
      const rehearsal = rehearsals.get(context.release.id);
      if (rehearsal === undefined) throw new Error(`release ${context.release.id} came to migrate without link`);
      await migrateAll(rehearsal, withOneWay(context, oneWay.get(context.release.id) ?? []));
    },

    async rollback(context) {
      await approveRollback(appDatabases(options, context.paths), context);
    },

    /** A kill leaves each database either migrated or not, and the next run applies the rest: only files are cleared. */
    async recover({ paths, fs, info }: RecoverContext) {
      for (const database of appDatabases(options, paths)) {
        for (const name of await removeLeftovers(database, fs)) info(`${database.name}: removed ${name}, unfinished.`);
      }
    },
  };
}, drizzleOptionsSchema);

function tellPlan({ database: { name, path }, live, pending }: DatabasePlan, { info, warn }: LinkContext): void {
  if (pending.length === 0) return;
  info(`${name}: pending ${pending.map(({ tag }) => tag).join(", ")}${live === undefined ? " (a new database)" : ""}.`);
  if (live !== undefined && live.journalMode !== "wal") {
    warn(
      `${name} (${path}) is in journal mode ${live.journalMode}: its readers wait while migrations are committed. Use \`PRAGMA journal_mode=WAL\`.`,
    );
  }
}
