import {
  definePlugin,
  type LinkContext,
  type MigrateContext,
  type PlanContext,
  type PluginFactory,
  type RollForwardContext,
  type SharedPath,
} from "@deployer/core";
import { databaseCommands } from "./commands.ts";
import { offerCopies, offerCopiesBeside } from "./copies.ts";
import { appDatabases } from "./databases.ts";
import { lookAtDatabase } from "./live-database.ts";
import { lockBudget } from "./lock-budget.ts";
import { migrateAll, type Rehearsal } from "./migrate.ts";
import { removeLeftovers } from "./new-database.ts";
import type { Told } from "./one-way.ts";
import { type DrizzleOptions, drizzleOptionsSchema } from "./options.ts";
import { type DatabasePlan, planRelease } from "./plan.ts";
import { approveRollback } from "./rollback.ts";
import { hasRoomForCopies } from "./room.ts";
import type { Schema } from "./schema.ts";
import { rollForward, settleJournals } from "./settle-journals.ts";
import { setupPath } from "./setup-path.ts";
import { judgePlans, refuseBreaking } from "./verdict.ts";

/**
 * Migrates the app's SQLite databases with the migrations that drizzle-kit made: rehearsed on copies, which build and
 * trial then see, and committed together before the release is activated.
 */
export const drizzle: PluginFactory<DrizzleOptions> = definePlugin(
  (options: DrizzleOptions) => {
    /** What the link stage found out, by release, for the migrate stage of the same run. */
    const rehearsals = new Map<string, Rehearsal>();

    return {
      name: "drizzle",

      commands: databaseCommands(options),

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
        // Recovery has done it, unless the run that died was never recorded by this plugin.
        await settleJournals(context, tellSettled(context));
        const plans = await planRelease(appDatabases(options, context.paths), paths, context.release, context);
        for (const plan of plans) tellPlan(plan, context);
        const setup = await setupPath(options, context.release, context.fs);
        const judged = await judgePlans(plans, setup, context.release, context);
        const breaking = refuseBreaking(judged, context.previous, context);
        const rehearsal = {
          plans,
          breaking,
          schemas: new Map<string, Schema>(),
          predictedMs: new Map<string, number>(),
          setup,
        };
        rehearsals.set(context.release.id, rehearsal);
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
        const budget = lockBudget(options);
        offerCopiesBeside(rehearsal, budget, context);
        return offerCopies(paths, rehearsal, budget);
      },

      async migrate(context: MigrateContext) {
        const rehearsal = rehearsals.get(context.release.id);
        if (rehearsal === undefined) throw new Error(`release ${context.release.id} came to migrate without link`);
        await migrateAll(rehearsal, lockBudget(options).limitMs(rehearsal), context);
      },

      async rollback(context) {
        await approveRollback(appDatabases(options, context.paths), context);
      },

      /** A process of the dead run that commits is waited for; what was cut off between two COMMITs is finished. */
      async rollForward(context: RollForwardContext) {
        const { paths, fs, info } = context;
        await rollForward(context);
        for (const database of appDatabases(options, paths)) {
          for (const name of await removeLeftovers(database, fs))
            info(`${database.name}: removed ${name}, unfinished.`);
        }
      },
    };
  },
  drizzleOptionsSchema,
  "drizzle",
);

function tellSettled({ info, warn }: LinkContext): Told {
  return {
    migrated: (database, names) => info(`${database}: ${names.join(", ")} committed by a run that died.`),
    oneWay: (reason, hint) => warn(`${reason} ${hint}`),
  };
}

function tellPlan({ database: { name }, live, pending }: DatabasePlan, { info }: LinkContext): void {
  if (pending.length === 0) return;
  info(`${name}: pending ${pending.map(({ tag }) => tag).join(", ")}${live === undefined ? " (a new database)" : ""}.`);
}
