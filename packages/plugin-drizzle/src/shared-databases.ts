import { isAbsolute, posix } from "node:path";
import { entryFor, type SharedPath } from "@deployer/core";
import type { AppDatabase } from "./databases.ts";
import { drizzleError } from "./errors.ts";

/** The shared path that holds a database. @throws ERR_DATABASE_NOT_SHARED, ERR_MIGRATIONS_SHARED */
export function sharedEntry(paths: readonly SharedPath[], database: AppDatabase): SharedPath {
  // No shared path stands for an absolute one: the app is told where its copy is.
  const entry = isAbsolute(database.file)
    ? ({ path: posix.dirname(database.file), kind: "directory" } as const)
    : entryFor(paths, database.file);
  if (entry === undefined) throw notShared(database);
  const holder = database.migrations === undefined ? undefined : entryFor(paths, database.migrations);
  if (holder !== undefined) throw migrationsShared(database, holder);
  return entry;
}

function notShared({ name, file }: AppDatabase): Error {
  const directory = posix.dirname(file);
  const missing = directory === "." ? file : `${directory}/`;
  return drizzleError("ERR_DATABASE_NOT_SHARED", {
    message: `The database "${name}" (${file}) lies under no shared path: it would be lost with its release.`,
    hint: `Add "${missing}" to \`shared\` in the config.`,
    details: { database: name, file, shared: missing },
  });
}

function migrationsShared({ name, migrations }: AppDatabase, { path }: SharedPath): Error {
  return drizzleError("ERR_MIGRATIONS_SHARED", {
    message: `The migrations of "${name}" (${migrations}) lie under the shared path ${path}: every release would see the same ones.`,
    hint: "Keep the migrations folder in the repository, outside every shared path.",
    details: { database: name, migrations, shared: path },
  });
}
