import { basename, isAbsolute, join } from "node:path";
import type { LinkContext, SharedPath, Substitute } from "@deployer/core";
import { drizzleError } from "./errors.ts";
import type { LockBudget } from "./lock-budget.ts";
import type { Rehearsal } from "./migrate.ts";
import type { DatabasePlan } from "./plan.ts";
import { type Rehearsed, rehearse } from "./rehearse.ts";
import type { Schema } from "./schema.ts";
import { refuseSelfMigration } from "./self-migration.ts";

type FilledRehearsal = Rehearsal & {
  readonly schemas: Map<string, Schema>;
  readonly predictedMs: Map<string, number>;
};

/**
 * Offers migrated copies in the place of the databases while the release is built and tried.
 * What each rehearsal ended with, and how long it took, is added to `rehearsal` by the database's name.
 */
export function offerCopies(
  paths: readonly SharedPath[],
  rehearsal: FilledRehearsal,
  budget: LockBudget,
): readonly SharedPath[] {
  return paths.map((entry) => {
    const here = rehearsal.plans.filter((plan) => plan.entry === entry && hasCopy(plan));
    return here.length === 0
      ? entry
      : { ...entry, substitutes: [...(entry.substitutes ?? []), substitute(entry, here, rehearsal, budget)] };
  });
}

/**
 * The same for databases by absolute path: their copies stand in a directory of the release, and the app finds them by
 * the variable. Without one, build and trial see what is live.
 * @throws ERR_DATABASE_ENV_MISSING when migrations are pending then
 */
export function offerCopiesBeside(rehearsal: FilledRehearsal, budget: LockBudget, context: LinkContext): void {
  for (const plan of rehearsal.plans.filter((it) => isAbsolute(it.database.file) && hasCopy(it))) {
    const { name, path, env } = plan.database;
    if (env === undefined) {
      if (plan.pending.length > 0) throw envMissing(name, path);
      context.warn(`${name} (${path}) has no \`env\`: build and trial see the live database.`);
      continue;
    }
    const { fill, settle } = substitute(plan.entry, [plan], rehearsal, budget);
    context.copyBeside({
      async fill(directory, context) {
        const answer = await fill(directory, context);
        const copies = [{ name: path, live: path, copy: join(directory, basename(path)) }];
        return { ...answer, copies };
      },
      ...(settle === undefined ? {} : { settle }),
    });
  }
}

function envMissing(name: string, path: string): Error {
  return drizzleError("ERR_DATABASE_ENV_MISSING", {
    message: `Migrations are pending on "${name}" (${path}), and nothing tells build and trial to use a copy of it.`,
    hint: `Have the app read the path from a variable, and name it: { file: "${path}", env: "${name.toUpperCase().replaceAll(/[^A-Z0-9]/g, "_")}_DB" }.`,
    details: { database: name, file: path },
  });
}

/** A database that neither exists nor has migrations is for the app to make; there is nothing to copy. */
function hasCopy({ live, pending }: DatabasePlan): boolean {
  return live !== undefined || pending.length > 0;
}

function substitute(
  entry: SharedPath,
  plans: readonly DatabasePlan[],
  rehearsal: FilledRehearsal,
  budget: LockBudget,
): Substitute {
  let rehearsed: readonly Rehearsed[] = [];
  return {
    owns: plans.map(({ database }) => database.file),
    async fill(standIn, context) {
      rehearsed = await rehearse(plans, entry, standIn, { setup: rehearsal.setup, stepMs: budget.stepMs }, context);
      for (const { plan, schema, milliseconds } of rehearsed) {
        rehearsal.schemas.set(plan.database.name, schema);
        rehearsal.predictedMs.set(plan.database.name, milliseconds);
      }
      budget.refuseTooLong(rehearsal);
      return { env: variables(rehearsed) };
    },
    async settle(_standIn, context) {
      for (const copy of rehearsed) await refuseSelfMigration(copy, context);
    },
  };
}

function variables(rehearsed: readonly Rehearsed[]): Record<string, string> {
  return Object.fromEntries(
    rehearsed.flatMap(({ plan, copy }) => (plan.database.env === undefined ? [] : [[plan.database.env, copy]])),
  );
}
