import { drizzleError } from "./errors.ts";
import type { LossesByName } from "./undo-held.ts";
import type { UndoJournal } from "./undo-journal.ts";
import { describeLosses } from "./undo-losses.ts";

/** Lets pass what loses nothing, and everything when a person said so. @throws ERR_ROWS_WOULD_BE_LOST */
export function refuseLosses({ databases, losesRows }: UndoJournal): (losses: LossesByName) => void {
  return (losses) => {
    const lossy = [...losses].filter(([, each]) => each.length > 0);
    if (lossy.length === 0 || losesRows === true) return;
    const tags = [...new Set(databases.flatMap(({ pending }) => pending.map(({ tag }) => tag)))];
    const lines = lossy.map(([name, each]) => `  ${name}: ${describeLosses(each)}`);
    throw drizzleError("ERR_ROWS_WOULD_BE_LOST", {
      message: `Undoing ${tags.join(", ")} would delete what was written into its tables and columns:\n${lines.join("\n")}\nNothing was changed.`,
      hint: "To give this up: `deployer db undo --lose-rows`. A snapshot of today is made first.",
      details: { losses: Object.fromEntries(lossy) },
    });
  };
}
