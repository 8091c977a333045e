import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { containedPath, type FileSystem, type ReleaseInfo } from "@deployer/core";
import type { Database } from "better-sqlite3";
import { MigrationFailure } from "./apply.ts";
import type { DrizzleOptions } from "./options.ts";

/** What an app's setup module exports: it registers functions, or loads extensions, on each connection that migrates. */
export type Setup = (db: Database, name: string) => void;

/** Where a release has it. @throws ERR_FOREIGN_LINK when a link leads out of the release */
export async function setupPath(
  { setup }: Pick<DrizzleOptions, "setup">,
  { path, appPath }: ReleaseInfo,
  fs: FileSystem,
): Promise<string | null> {
  return setup === undefined ? null : containedPath(fs, path, join(appPath, setup));
}

/** Loads the module in the process that migrates: functions cannot be handed to another one. */
export async function loadSetup(path: string | null): Promise<Setup> {
  if (path === null) return () => undefined;
  let setup: unknown;
  try {
    setup = ((await import(pathToFileURL(path).href)) as { default?: unknown }).default;
  } catch (error) {
    throw new MigrationFailure(
      { reason: `the setup module ${path} cannot be loaded: ${(error as Error).message}` },
      error,
    );
  }
  if (typeof setup !== "function") {
    throw new MigrationFailure({ reason: `the setup module ${path} has no function as its default export` });
  }
  return (db, name) => {
    try {
      setup(db, name);
    } catch (error) {
      throw new MigrationFailure({ reason: `the setup module ${path} failed: ${(error as Error).message}` }, error);
    }
  };
}
