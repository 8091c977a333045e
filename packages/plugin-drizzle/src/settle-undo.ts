import { type Context, DeployError } from "@deployer/core";
import { readApplied } from "./applied.ts";
import { heldError } from "./held-error.ts";
import { HeldFailure } from "./held-failure.ts";
import { journalPath, writeJournal } from "./journal.ts";
import { refuseLosses } from "./refuse-losses.ts";
import { readDatabase } from "./sqlite.ts";
import { undoTogether } from "./undo-held.ts";
import type { UndoDatabase, UndoJournal } from "./undo-journal.ts";

/**
 * Brings an undo that was cut off to its end: forward if any database was committed, else back. What was written since
 * into what would go is not given up without a word: then a warning says how a person finishes it.
 * @throws what keeps it from being finished, and may pass
 */
export async function settleUndo(journal: UndoJournal, context: Context): Promise<"done" | "aborted" | "open"> {
  const path = journalPath(context.paths, journal.run);
  const left = journal.state === "committing" ? journal.databases.filter(hasMigration) : journal.databases;
  if (left.length === journal.databases.length) return abortUndo(journal, context);
  if (left.length === 0) {
    writeJournal(path, { ...journal, state: "done" });
    return "done";
  }
  const names = left.map(({ name }) => name);
  context.warn(`An undo was cut off between two COMMITs; ${names.join(", ")} will be undone now.`);
  try {
    await undoTogether(path, journal, names, refuseLosses(journal), context);
    return "done";
  } catch (error) {
    if (error instanceof HeldFailure)
      throw heldError({ outcome: "failed", database: error.database, problem: error.problem }, left, context.redact);
    if (!(error instanceof DeployError) || !["ERR_ROWS_WOULD_BE_LOST", "ERR_UNDO_IMPOSSIBLE"].includes(error.code))
      throw error;
    context.warn(`The rest of an undo has to wait for a person. ${error.message} ${error.hint}`);
    return "open";
  }
}

/** Nothing was committed: only the snapshot goes. */
export async function abortUndo(
  journal: UndoJournal,
  { fs, paths }: Pick<Context, "fs" | "paths">,
): Promise<"aborted"> {
  await fs.remove(`${paths.snapshots}/${journal.run}`);
  writeJournal(journalPath(paths, journal.run), { ...journal, state: "aborted" });
  return "aborted";
}

function hasMigration({ path, pending }: UndoDatabase): boolean {
  const hashes = readDatabase(path, readApplied).map(({ hash }) => hash);
  return pending.some(({ hash }) => hashes.includes(hash));
}
