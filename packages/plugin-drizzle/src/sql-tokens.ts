/** A word, quoted text or sign of SQL. Space and comments are none. */
export interface SqlToken {
  /** Keywords and plain names in capitals; quoted text as it stands. */
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

// Two strings side by side are as good as one with a doubled quote in it: only the borders matter here.
const TOKEN =
  /(?<blank>[\s\uFEFF]+|--[^\n]*|\/\*[\s\S]*?(?:\*\/|$))|'[^']*(?:'|$)|"[^"]*(?:"|$)|`[^`]*(?:`|$)|\[[^\]]*(?:\]|$)|(?<word>[A-Za-z_\u0080-\u{10ffff}][\w$\u0080-\u{10ffff}]*)|[\s\S]/gu;

/** The tokens of SQL as SQLite sees them. What is not closed reaches to the end. */
export function* sqlTokens(sql: string): Generator<SqlToken> {
  for (const match of sql.matchAll(TOKEN)) {
    if (match.groups!.blank !== undefined) continue;
    const text = match.groups!.word === undefined ? match[0] : match[0].toUpperCase();
    yield { text, start: match.index, end: match.index + match[0].length };
  }
}
