import type { PluginState } from "@deployer/core";
import type { JournalDatabase } from "./journal.ts";
import { rememberSeen } from "./memory.ts";

/** Who hears of what is committed: the run that migrates, or the one that settles what another left. */
export interface Told {
  migrated(database: string, names: readonly string[]): void;
  oneWay(reason: string, hint: string): void;
}

/** Says that a database has its migrations, and whether the release before can do with them. */
export function tellCommitted(
  { name, file, pending, oneWay = [] }: JournalDatabase,
  told: Told,
  state: PluginState,
): void {
  // If it is missing one day, it is not made again.
  rememberSeen(state, file);
  told.migrated(
    name,
    pending.map(({ tag }) => tag),
  );
  if (oneWay.length === 0) return;
  told.oneWay(
    `${name}: ${oneWay.join(", ")} is committed, and the release before does not work with it.`,
    "Mend what failed and deploy again, or take the schema back: `deployer db undo`, which says first what would be lost with it.",
  );
}
