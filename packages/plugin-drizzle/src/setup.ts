import { pathToFileURL } from "node:url";
import type { Database } from "better-sqlite3";
import { MigrationFailure } from "./apply.ts";

/** What an app's setup module exports: it registers functions, or loads extensions, on each connection that migrates. */
export type Setup = (db: Database, name: string) => void;

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
