import { isAbsolute, join } from "node:path";
import type { Layout } from "@deployer/core";
import { type DrizzleOptions, normalizedPath } from "./options.ts";

/** A configured database and where its live file lies on this machine. */
export interface AppDatabase {
  readonly name: string;
  /** Relative to the app, normalized: how shared paths and the plugin's state name it. */
  readonly file: string;
  /** The live file's path; nothing need be there yet. */
  readonly path: string;
  /** The migrations folder, relative to the app. */
  readonly migrations: string | undefined;
  readonly env: string | undefined;
  /** Pending migrations older than applied ones run all the same. */
  readonly appliesLate?: boolean;
  /** Nobody uses it meanwhile, so that another journal mode than WAL does no harm. */
  readonly isIdle?: boolean;
  /** A change of schema by build or trial is known and wanted. */
  readonly selfMigrates?: boolean;
}

export function appDatabases(options: DrizzleOptions, paths: Layout): AppDatabase[] {
  return Object.entries(options.databases).map(([name, { file, migrations, env }]) => ({
    name,
    file: normalizedPath(file),
    path: isAbsolute(file) ? normalizedPath(file) : join(paths.shared, normalizedPath(file)),
    migrations: migrations === undefined ? undefined : normalizedPath(migrations),
    env,
    appliesLate: options.outOfOrder === "apply",
    isIdle: options.maintenance === true,
    selfMigrates: options.selfMigrates === true,
  }));
}
