import { type SqlToken, sqlTokens } from "./sql-tokens.ts";

const BREAKPOINT = "--> statement-breakpoint";

/**
 * The statements of a migration file, one each. Drizzle's breakpoints divide first, wherever they stand, as in
 * drizzle-orm. What has no statement (a comment, the rest after the last breakpoint) is left out.
 */
export function migrationStatements(text: string): string[] {
  return text.split(BREAKPOINT).flatMap(splitStatements);
}

/** Divides SQL at its semicolons by the rule of sqlite3_complete(): a trigger ends at ";END;", anything else at ";". */
export function splitStatements(sql: string): string[] {
  const statements: string[] = [];
  let tokens: SqlToken[] = [];
  const finish = (): void => {
    if (tokens.length > 0) statements.push(sql.slice(tokens[0]!.start, tokens.at(-1)!.end));
    tokens = [];
  };
  for (const token of sqlTokens(sql)) {
    if (token.text === ";" && !insideTrigger(tokens)) finish();
    else tokens.push(token);
  }
  finish();
  return statements;
}

function insideTrigger(tokens: readonly SqlToken[]): boolean {
  const [create, second, third] = tokens.slice(0, 3).map(({ text }) => text);
  const isTrigger =
    create === "CREATE" &&
    (second === "TRIGGER" || ((second === "TEMP" || second === "TEMPORARY") && third === "TRIGGER"));
  return isTrigger && !(tokens.at(-1)?.text === "END" && tokens.at(-2)?.text === ";");
}
