import { fold, type Table, type UniqueRule } from "./schema-model.ts";

/** What rows of a table had to keep apart already; without a collation: the numbers of its rows. */
type Key = Pick<UniqueRule, "columns"> & { readonly collations?: readonly string[] };

/** Equal by one of these may still differ in bytes; what has equal bytes is equal by them. */
const COARSE = ["NOCASE", "RTRIM"];

/**
 * Whether two rows that a UNIQUE rule refuses were refused before: a key of the table has no other columns than the rule,
 * and sees no difference where the rule sees none. NULLs do no harm: a row with one in the key has it in the rule as well.
 */
export function impliedByKey(old: Table, rule: UniqueRule): boolean {
  const isThere = old.uniques.some(({ text }) => text === rule.text);
  // Of a condition or an expression only the text is known. A conflict clause may drop a row where the key would fail.
  if (rule.isOdd || (rule.hasConflictClause && !isThere)) return isThere;
  return keysOf(old).some((key) => implies(key, rule));
}

function keysOf({ uniques, columns }: Table): Key[] {
  // INTEGER PRIMARY KEY is the row's own number: no index stands for it.
  const [key, ...others] = columns.filter((column) => column.key > 0);
  const isRowNumber = key?.type === "INTEGER" && others.length === 0;
  return [...uniques.filter(({ isOdd }) => !isOdd), ...(isRowNumber ? [{ columns: [key.name] }] : [])];
}

function implies({ columns, collations }: Key, rule: UniqueRule): boolean {
  return columns.every((column, index) => {
    const place = rule.columns.findIndex((name) => fold(name) === fold(column));
    return place >= 0 && (collations === undefined || isFiner(rule.collations[place]!, collations[index]!));
  });
}

function isFiner(one: string, other: string): boolean {
  return one === other || (one === "BINARY" && COARSE.includes(other));
}
