import type { PendingMigration } from "./apply.ts";
import { sqlTokens } from "./sql-tokens.ts";

const VERBS = new Set(["INSERT", "REPLACE", "UPDATE", "DELETE"]);
const NO_ROWS = new Set(["CREATE", "ALTER", "DROP", "PRAGMA"]);

/** Migrations whose statements change rows of tables that were there before: undoing their schema leaves that as it is. */
export function changersOfRows(pending: readonly PendingMigration[], tables: readonly string[]): string[] {
  const names = new Set(tables.map((name) => name.toUpperCase()));
  return pending
    .filter(({ statements }) => statements.some(({ sql, skip }) => !skip && changesRows(sql, names)))
    .map(({ tag }) => tag);
}

/**
 * Whether the running release, which has these tables (in capitals), sees what a statement does to rows. An UPDATE of a
 * table that is new counts as well: a rebuild may put it in the place of an old one.
 */
export function isSeenChange(sql: string, names: ReadonlySet<string>): boolean {
  const [first] = sqlTokens(sql);
  return ["UPDATE", "DELETE", "REPLACE"].includes(first?.text ?? "") || changesRows(sql, names);
}

/** A rebuild fills a table that is new; what names an old one after its verb may change that. */
function changesRows(sql: string, names: ReadonlySet<string>): boolean {
  const words = [...sqlTokens(sql)].map(({ text }) => text.replace(/^["'`[]|["'`\]]$/g, "").toUpperCase());
  if (NO_ROWS.has(words[0] ?? "")) return false;
  return words.some((word, index) => VERBS.has(word) && names.has(targetOf(words.slice(index + 1))));
}

/** `INSERT OR IGNORE INTO main.users`, `UPDATE users`, `DELETE FROM users`. */
function targetOf(words: readonly string[]): string {
  const rest = words[0] === "OR" ? words.slice(2) : words;
  const at = rest[0] === "INTO" || rest[0] === "FROM" ? 1 : 0;
  return rest[at + 1] === "." ? (rest[at + 2] ?? "") : (rest[at] ?? "");
}
