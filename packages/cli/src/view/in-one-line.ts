/** A message where there is room for a line: what it begins with, and the first of what it lists. */
export function inOneLine(message: string): string {
  const [first = "", second, third] = message
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");
  return `${first}${second === undefined ? "" : ` ${second}`}${third === undefined ? "" : " …"}`;
}
