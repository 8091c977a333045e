import { sqlTokens } from "./sql-tokens.ts";

// Each of these would end, or cannot run in, the transaction that holds all databases together.
const REFUSED = new Set(["ATTACH", "DETACH", "VACUUM", "BEGIN", "COMMIT", "END", "ROLLBACK", "SAVEPOINT", "RELEASE"]);
const ALLOWED_PRAGMAS = new Set(["DEFER_FOREIGN_KEYS", "USER_VERSION", "APPLICATION_ID", "OPTIMIZE"]);

/** What is to be done with a statement of a pending migration. */
export type StatementVerdict = "run" | "skip" | "refuse";

// By which projects get around drizzle's transaction, in which foreign keys cannot be switched off.
const SWITCH_OFF = [/^COMMIT( TRANSACTION)?$/, /^PRAGMA FOREIGN_KEYS = (OFF|0|FALSE|NO)$/, begin()];
const SWITCH_ON = [/^COMMIT( TRANSACTION)?$/, /^PRAGMA FOREIGN_KEYS = (ON|1|TRUE|YES)$/, begin()];

/**
 * What is to be done with each statement of one migration. `COMMIT; PRAGMA foreign_keys=OFF; BEGIN` and, further on,
 * `COMMIT; PRAGMA foreign_keys=ON; BEGIN` are skipped as pairs: foreign keys are off in our transaction, which goes on.
 */
export function judgeStatements(statements: readonly string[]): StatementVerdict[] {
  const texts = statements.map((statement) => [...sqlTokens(statement)].map(({ text }) => text).join(" "));
  const isSwitch = (at: number, how: readonly RegExp[]): boolean =>
    how.every((rule, n) => rule.test(texts[at + n] ?? ""));
  const verdicts = statements.map(judgeStatement);
  for (let off = 0; off < texts.length; off += 1) {
    if (!isSwitch(off, SWITCH_OFF)) continue;
    const on = verdicts.indexOf("refuse", off + 3);
    if (!isSwitch(on, SWITCH_ON)) return verdicts;
    for (const at of [off, on]) verdicts.fill("skip", at, at + 3);
    off = on + 2;
  }
  return verdicts;
}

function begin(): RegExp {
  return /^BEGIN( (DEFERRED|IMMEDIATE|EXCLUSIVE))?( TRANSACTION)?$/;
}

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
