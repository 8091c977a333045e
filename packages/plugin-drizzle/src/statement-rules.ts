import { sqlTokens } from "./sql-tokens.ts";

// Each of these would end, or cannot run in, the transaction that holds all databases together.
const REFUSED = new Set(["ATTACH", "DETACH", "VACUUM", "BEGIN", "COMMIT", "END", "ROLLBACK", "SAVEPOINT", "RELEASE"]);
const ALLOWED_PRAGMAS = new Set(["DEFER_FOREIGN_KEYS", "USER_VERSION", "APPLICATION_ID", "OPTIMIZE"]);

/** What is to be done with a statement of a pending migration. */
export type StatementVerdict = "run" | "skip" | "refuse";

/**
 * `PRAGMA foreign_keys`, which drizzle-kit writes around a rebuild, does nothing inside a transaction and is skipped:
 * foreign keys are off before it begins. Some PRAGMAs (journal_mode, writable_schema) pass in silence and do harm, so
 * only those that are known to be good run.
 */
export function judgeStatement(statement: string): StatementVerdict {
  const [first, second, dot, third] = words(statement, 4);
  if (first === "PRAGMA") return judgePragma(dot === "." ? third : second);
  return REFUSED.has(first ?? "") ? "refuse" : "run";
}

function judgePragma(name: string | undefined): StatementVerdict {
  if (name === "FOREIGN_KEYS") return "skip";
  return ALLOWED_PRAGMAS.has(name ?? "") ? "run" : "refuse";
}

function words(statement: string, count: number): string[] {
  const first: string[] = [];
  for (const { text } of sqlTokens(statement)) {
    if (first.push(text) === count) break;
  }
  return first;
}
