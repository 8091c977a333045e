import type { Measured } from "./row.ts";

const HEAD = [
  "variant",
  "mode",
  "gate",
  "deploys",
  "failed",
  "of",
  "plain failed",
  "of",
  "work",
  "waits",
  "rollback",
  "slowest",
  "refused by",
];
const WIDTHS = [24, 10, 4, 7, 6, 6, 12, 6, 7, 8, 8, 8, 20];

export function tableHead(): string {
  return line(HEAD);
}

export function tableLine({ row, notes }: Measured): string {
  const plain = row.plainFailed === null ? ["–", "–"] : [String(row.plainFailed), String(notes.plainRequests)];
  const main = line([
    row.variant,
    row.mode,
    row.gate ? "on" : "off",
    String(row.deployments),
    String(row.failed),
    String(row.requests),
    ...plain,
    seconds(notes.workMs),
    seconds(notes.waitedMs / row.deployments),
    row.rollbackMs === undefined ? "" : seconds(row.rollbackMs),
    `${notes.longestMs} ms`,
    notes.refusedBy ?? "",
  ]);
  return row.failed === 0 ? main : `${main}\n  failed: ${kinds(notes.failures)}`;
}

function kinds(failures: Readonly<Record<string, number>>): string {
  return Object.entries(failures)
    .map(([kind, count]) => `${count} ${kind}`)
    .join(", ");
}

function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(1)} s`;
}

function line(cells: readonly string[]): string {
  return cells
    .map((cell, index) => (index < 3 ? cell.padEnd(WIDTHS[index] as number) : cell.padStart(WIDTHS[index] as number)))
    .join(" ");
}
