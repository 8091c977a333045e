import { sqlTokens } from "./sql-tokens.ts";

/** What SQLite's PRAGMAs do not tell of a table and only its text does. */
export interface TableText {
  readonly checks: readonly string[];
  /** By column, in small letters. */
  readonly collations: ReadonlyMap<string, string>;
  readonly autoincrement: boolean;
  /** A constraint says ON CONFLICT. */
  readonly hasConflictClause: boolean;
}

export function tableText(sql: string, table: string): TableText {
  const body = words(sql.slice(sql.indexOf("(")));
  const checks: string[] = [];
  const collations = new Map<string, string>();
  let depth = 0;
  let column: string | undefined;
  for (const [index, word] of body.entries()) {
    if (word === "(") depth += 1;
    if (word === ")") depth -= 1;
    if (depth === 1 && (word === "," || (word === "(" && index === 0))) column = body[index + 1]?.toLowerCase();
    if (depth === 1 && word === "COLLATE" && column !== undefined) collations.set(column, body[index + 1] ?? "");
    if (depth === 1 && word === "CHECK") checks.push(withoutTable(group(body, index + 1), table));
  }
  const hasConflictClause = body.some((word, index) => word === "ON" && body[index + 1] === "CONFLICT");
  return { checks: checks.sort(), collations, autoincrement: body.includes("AUTOINCREMENT"), hasConflictClause };
}

/** SQL without regard to spaces, comments, case and the way in which names are quoted. */
export function normalizedSql(sql: string): string {
  return words(sql).join(" ");
}

function words(sql: string): string[] {
  return [...sqlTokens(sql)].map(({ text }) =>
    /^["`[]/.test(text) && text.length > 1 ? text.slice(1, -1).toUpperCase() : text,
  );
}

/** From an opening parenthesis to its partner. */
function group(all: readonly string[], start: number): string[] {
  let depth = 0;
  for (let index = start; index < all.length; index += 1) {
    if (all[index] === "(") depth += 1;
    if (all[index] === ")") depth -= 1;
    if (depth === 0) return all.slice(start, index + 1);
  }
  return all.slice(start);
}

// drizzle-kit writes "users"."level" in a check, and plain level in another version of the same.
function withoutTable(all: readonly string[], table: string): string {
  const name = table.toUpperCase();
  return all
    .filter((word, i) => !(word === name && all[i + 1] === ".") && !(word === "." && all[i - 1] === name))
    .join(" ");
}
