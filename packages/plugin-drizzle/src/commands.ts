import type { PluginCommand } from "@deployer/core";
import { baseline } from "./command-baseline.ts";
import { plan } from "./command-plan.ts";
import { status } from "./command-status.ts";
import type { DrizzleOptions } from "./options.ts";

/** `deployer db …`: what a person may ask of the databases. Only `baseline` writes. */
export function verdictCommands(options: DrizzleOptions): Record<string, PluginCommand> {
  return {
    status: {
      topic: "db",
      summary: "show each database: applied and pending migrations, drift, size, last snapshot",
      run: (context) => status(options, context),
    },
    plan: {
      topic: "db",
      summary:
        "show what the watched branch, or a ref, would change: SQL, verdict, rows, lock time; touches no database",
      run: (context) => plan(options, context),
    },
    baseline: {
      topic: "db",
      summary: "record migrations as applied for a database that drizzle-kit push has made",
      run: (context) => baseline(options, context),
    },
  };
}
