import type { Context } from "@deployer/core";
import { compareLive, type ToCompare } from "./compare-live.ts";
import { loadSetup, type Setup } from "./setup.ts";

/**
 * Loads a setup module into this process, for what a person has asked for: the release that brought it is trusted with
 * more than that. A child loads and calls it before, so that one that does not end, or ends its process, does so there.
 * @throws ERR_MIGRATION_FAILED, and what runSqlChild throws
 */
export async function loadTrustedSetup(
  path: string | null,
  databases: readonly ToCompare["database"][],
  context: Context,
): Promise<Setup> {
  if (path !== null) {
    const todo = databases.map((database) => ({ database, migrations: [] }));
    await compareLive(todo, path, context);
  }
  return loadSetup(path);
}
