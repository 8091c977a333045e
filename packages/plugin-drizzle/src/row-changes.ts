import { sqlTokens } from "./sql-tokens.ts";

/**
 * Whether a statement changes or removes rows, or adds some to a table that is known, by itself or after WITH. An INSERT
 * into a new table is how a rebuild copies.
 */
export function changedRows(sql: string, known: ReadonlySet<string>): boolean {
  const words = mainStatement([...sqlTokens(sql)].map(({ text }) => text));
  if (words[0] === "INSERT" && words[1] !== "OR") return known.has(plainName(words, 2));
  if (words[0] === "INSERT" && words[2] !== "REPLACE") return known.has(plainName(words, 4));
  return ["UPDATE", "DELETE", "REPLACE", "INSERT"].includes(words[0] ?? "");
}

/** What follows the parts of a WITH: the first word after one of them that does not go on with it. */
function mainStatement(words: readonly string[]): readonly string[] {
  if (words[0] !== "WITH") return words;
  let depth = 0;
  const at = words.findIndex((word, index) => {
    if (word === "(") depth += 1;
    if (word === ")") depth -= 1;
    return depth === 0 && words[index - 1] === ")" && ![")", "AS", ","].includes(word);
  });
  return at < 0 ? [] : words.slice(at);
}

function plainName(words: readonly string[], index: number): string {
  const name = words[words[index + 1] === "." ? index + 2 : index] ?? "";
  return (/^["`[']/.test(name) ? name.slice(1, -1) : name).toLowerCase();
}
