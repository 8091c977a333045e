import { defineCommand, type PluginCommand } from "@deployer/core";
import { baseline } from "./command-baseline.ts";
import { plan } from "./command-plan.ts";
import { status } from "./command-status.ts";
import { restoreSnapshot } from "./db-restore.ts";
import { listSnapshots } from "./db-snapshots.ts";
import { undoMigration } from "./db-undo.ts";
import type { DrizzleOptions } from "./options.ts";

/** `deployer db …`: what a person may ask of the databases. */
export function databaseCommands(options: DrizzleOptions): Record<string, PluginCommand> {
  return {
    status: defineCommand({
      topic: "db",
      summary: "Show each database: applied and pending migrations, drift, size, last snapshot.",
      run: (context) => status(options, context),
    }),
    plan: defineCommand({
      topic: "db",
      summary:
        "Show what the watched branch, or a ref, would change: SQL, verdict, rows, lock time; touches no database.",
      args: { ref: { summary: "Branch, tag or full commit hash; the watched ref unless given." } },
      run: (context) => plan(options, context.args.ref, context),
    }),
    baseline: defineCommand({
      topic: "db",
      summary: "Record migrations as applied for a database that drizzle-kit push has made.",
      description: "Comes before the first deployment, or when a database is added that was made without migrations.",
      args: {
        ref: {
          summary:
            "Whose migrations: a branch, tag or full commit hash. Unless given: the current release's, and before the first deployment those of the watched ref.",
        },
      },
      changes: true,
      run: (context) => baseline(options, context.args.ref, context),
    }),
    undo: defineCommand({
      topic: "db",
      summary: "Take the newest migration back in all databases: the schema of before, with the rows of today.",
      description:
        "Says first what its tables and columns hold, which goes with them, and refuses when that is anything. A snapshot is made before it acts. What the migration did to rows of older tables stays.",
      flags: {
        "lose-rows": { type: "boolean", summary: "Also when rows or values are lost that came with the migration." },
        "break-served": {
          type: "boolean",
          summary: "Also when the release that is served needs what goes: its requests fail until you roll back.",
        },
      },
      changes: true,
      run: (context) => {
        const { "lose-rows": losesRows, "break-served": breaksServed } = context.flags;
        return undoMigration(options, { losesRows, breaksServed }, context);
      },
    }),
    restore: defineCommand({
      topic: "db",
      summary: "Put the snapshot of before the newest migration, or of a run, back into the live databases.",
      description:
        "Says first what becomes of the rows of each table. A snapshot of today is made before it acts. What was written since the snapshot refuses it, unless a flag says that this may be lost.",
      args: { run: { summary: "Whose snapshot (see `db snapshots`); the newest of before a migration unless given." } },
      flags: {
        "lose-writes": { type: "boolean", summary: "Also when what was written since is lost." },
        "break-served": {
          type: "boolean",
          summary: "Also when the release that is served does not work with the snapshot's schema.",
        },
      },
      changes: true,
      run: (context) => {
        const { "lose-writes": losesWrites, "break-served": breaksServed } = context.flags;
        return restoreSnapshot(options, { run: context.args.run, losesWrites, breaksServed }, context);
      },
    }),
    snapshots: defineCommand({
      topic: "db",
      summary: "List the snapshots that are kept.",
      run: (context) => listSnapshots(context),
    }),
  };
}
