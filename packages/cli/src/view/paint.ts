import { styleText } from "node:util";

type Style = Parameters<typeof styleText>[0];

/** How a line begins, and how that is shown. */
const STYLES: readonly (readonly [RegExp, Style])[] = [
  [/^\s*ERR_[A-Z_0-9]+(?=:)/, ["red", "bold"]],
  [/^✖/, "red"],
  [/^✔/, "green"],
  [/^(Deployed|Rolled back|Reloaded)\b/, ["green", "bold"]],
  [/^(Held|Waiting to try again)(?=:)/, "yellow"],
  [/^\s*(\d{4}-\d\d-\d\d \S+ \S+ )?warning(?=:)/, "yellow"],
  [/^It could not be fully undone/, ["red", "bold"]],
];

/** Past it a line is cut: an app may log an error of 18 kB as one line of JSON. */
const LINE_LIMIT = 500;

/** Text as a stream shows it: lines of a sensible length, colours on a terminal. NO_COLOR and FORCE_COLOR are heard. */
export function paint(text: string, stream: NodeJS.WritableStream): string {
  return text
    .split("\n")
    .map((line) => colour(cut(line), stream))
    .join("\n");
}

function cut(line: string): string {
  const rest = line.length - LINE_LIMIT;
  return rest <= 0 ? line : `${line.slice(0, LINE_LIMIT)} … and ${rest} more characters`;
}

function colour(line: string, stream: NodeJS.WritableStream): string {
  const [begin, style] = STYLES.find(([pattern]) => pattern.test(line)) ?? [];
  return begin === undefined || style === undefined
    ? line
    : line.replace(begin, (start) => styleText(style, start, { stream }));
}
