import type { SchemaModel, Table, Trigger } from "./schema-model.ts";
import { type SqlToken, sqlTokens } from "./sql-tokens.ts";

/** Functions that take any value and never fail. */
const FUNCTIONS = new Set(
  "CAST COALESCE CONCAT CONCAT_WS DATE DATETIME HEX IFNULL INSTR JULIANDAY LENGTH LOWER LTRIM MAX MIN ROUND RTRIM STRFTIME SUBSTR SUBSTRING TIME TRIM TYPEOF UNIXEPOCH UPPER".split(
    " ",
  ),
);
/** Words that a parenthesis may follow without a call. */
const BEFORE_PARENTHESIS = new Set("AND CONFLICT IN IS NOT OR SET VALUES WHERE".split(" "));
/** Each of these makes what happens depend on values, so that a trial proves too little; or it may fail by itself. */
const UNPROVABLE = new Set(
  "CASE COLLATE ESCAPE GLOB IIF INDEXED INSTEAD LIKE MATCH NULLIF RAISE REGEXP RETURNING SELECT WHEN WITH".split(" "),
);
const FULL_TEXT = /^CREATE VIRTUAL TABLE (IF NOT EXISTS )?(MAIN \. )?\S+ USING FTS[345]\b/;
/** What the release before registers, or loads, may be less: only what SQLite brings along. */
const COLLATIONS = ["BINARY", "NOCASE", "RTRIM"];
const TOKENIZERS = /^(porter|unicode61|ascii|trigram|simple|remove_diacritics|case_sensitive|[\s'012])*$/i;

/**
 * Whether a new trigger only fills new tables: always by the same statements, which write nothing that the release before
 * knows, and with nothing in them that fails for some values. What may still fail, a trial shows.
 */
export function onlyFillsNew({ sql }: Trigger, before: SchemaModel, after: SchemaModel): boolean {
  const tokens = [...sqlTokens(sql)];
  const begin = tokens.findIndex(({ text }) => text === "BEGIN");
  if (begin < 0 || tokens.some(({ text }) => UNPROVABLE.has(text)) || dividesOrExtracts(tokens)) return false;
  return split(tokens.slice(begin + 1, -1)).every((statement) => {
    const target = targetOf(statement);
    return target !== undefined && callsAreFine(statement, target.index) && isFresh(target.name, before, after);
  });
}

/** A new table that takes any row, as far as its definition says; NOT NULL is left to a trial. */
function isFresh(name: string, before: SchemaModel, after: SchemaModel): boolean {
  const table = after.tables.get(name);
  if (table === undefined || before.tables.has(name)) return false;
  if (table.kind === "virtual") return isFullText(table);
  return table.kind === "table" && takesAnything(table) && !isBound(name, after);
}

function isFullText({ name, text }: Table): boolean {
  const [, tokenizer = ""] = /\bTOKENIZE =? ?('[^']*'|[^,)]*)/.exec(text) ?? [];
  return /^\w+$/.test(name) && FULL_TEXT.test(text) && TOKENIZERS.test(tokenizer);
}

function takesAnything({ columns, uniques, checks, foreignKeys, strict, hasOddIndex }: Table): boolean {
  const isEachPlain = columns.every(
    ({ generated, collation }) => generated === undefined && COLLATIONS.includes(collation),
  );
  return uniques.length + checks.length + foreignKeys.size === 0 && !strict && !hasOddIndex && isEachPlain;
}

/** Other tables, or triggers of its own, go along with what is written there. */
function isBound(name: string, { tables, triggers }: SchemaModel): boolean {
  const isParent = [...tables.values()].some(({ foreignKeys }) =>
    [...foreignKeys.values()].some(({ parent }) => parent === name),
  );
  return isParent || [...triggers.values()].some(({ table }) => table.toLowerCase() === name);
}

function split(tokens: readonly SqlToken[]): SqlToken[][] {
  const statements: SqlToken[][] = [[]];
  for (const token of tokens) {
    if (token.text === ";") statements.push([]);
    else statements.at(-1)!.push(token);
  }
  return statements.filter((statement) => statement.length > 0);
}

interface Target {
  readonly name: string;
  readonly index: number;
}

/** Which table a statement writes to; `undefined` of one that is no plain INSERT, REPLACE, UPDATE or DELETE. */
function targetOf(tokens: readonly SqlToken[]): Target | undefined {
  const words = tokens.map(({ text }) => text);
  const afterOr = words[1] === "OR" ? 3 : 1;
  const index =
    words[0] === "UPDATE"
      ? afterOr
      : words[0] === "DELETE" && words[1] === "FROM"
        ? 2
        : (words[0] === "INSERT" || words[0] === "REPLACE") && words[afterOr] === "INTO"
          ? afterOr + 1
          : undefined;
  // Of UPDATE … FROM a trial would prove too little.
  if (index === undefined || words[index] === undefined || words.indexOf("FROM", 2) >= 0) return undefined;
  return { name: plainName(words[index]), index };
}

function callsAreFine(tokens: readonly SqlToken[], target: number): boolean {
  return tokens.every(({ text }, index) => {
    if (tokens[index + 1]?.text !== "(" || index === target) return true;
    const isName = /^[\w"`[\u0080-\u{10ffff}]/u.test(text);
    return !isName || FUNCTIONS.has(text) || BEFORE_PARENTHESIS.has(text);
  });
}

/** A division by 0 is NULL, `->` fails on what is no JSON. */
function dividesOrExtracts(tokens: readonly SqlToken[]): boolean {
  return tokens.some(({ text }, index) => /^[/%]$/.test(text) || (text === "-" && tokens[index + 1]?.text === ">"));
}

function plainName(token: string): string {
  return (/^["`[]/.test(token) ? token.slice(1, -1) : token).toLowerCase();
}
