import type { Database } from "better-sqlite3";
import {
  MigrationFailure,
  type MigrationProblem,
  type OnStatement,
  type PendingMigration,
  problemOf,
} from "./apply.ts";
import { type MemoryRehearsal, rehearseInMemory } from "./memory-rehearsal.ts";
import type { Setup } from "./setup.ts";
import { readDatabase } from "./sqlite.ts";

/** A database whose pending migrations are to be judged, as plain JSON. */
export interface JudgeTask {
  readonly name: string;
  /** The live file, which is only read; `null`: a new database. */
  readonly source: string | null;
  readonly pending: readonly PendingMigration[];
}

export type Judgement =
  | { readonly outcome: "judged"; readonly rehearsal: MemoryRehearsal }
  | { readonly outcome: "failed"; readonly problem: MigrationProblem }
  /** Its schema cannot be rehearsed in memory: then nothing is known. */
  | { readonly outcome: "unjudged"; readonly reason: string };

/** Rehearses what is pending in memory, with what the setup module registers. */
export function judge({ name, source, pending }: JudgeTask, setup: Setup, onStatement: OnStatement): Judgement {
  const register = (db: Database): void => setup(db, name);
  try {
    const rehearsal =
      source === null
        ? rehearseInMemory(undefined, pending, register, onStatement)
        : readDatabase(source, (db) => rehearseInMemory(db, pending, register, onStatement));
    return { outcome: "judged", rehearsal };
  } catch (error) {
    if (error instanceof MigrationFailure) return { outcome: "failed", problem: problemOf(error) };
    // Functions, collations and modules that the app registers are missing here; the copy has the last word.
    return { outcome: "unjudged", reason: (error as Error).message };
  }
}
