export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

export function round(value: number, digits = 1): number {
  return Number(value.toFixed(digits));
}

export async function timed<T>(work: () => Promise<T> | T): Promise<[milliseconds: number, result: T]> {
  const began = performance.now();
  const result = await work();
  return [performance.now() - began, result];
}

/** How long the plugin said that the databases were locked. */
export function lockedMs(infos: readonly string[]): number {
  return Number(/locked for (\d+) ms/.exec(infos.findLast((text) => text.includes("locked for")) ?? "")?.[1] ?? 0);
}

export function table(title: string, rows: readonly Readonly<Record<string, string | number>>[]): void {
  console.log(`\n${title}`);
  const columns = Object.keys(rows[0] ?? {});
  const cells = [columns, ...rows.map((row) => columns.map((column) => String(row[column])))];
  const widths = columns.map((_column, index) => Math.max(...cells.map((line) => line[index]!.length)));
  for (const line of cells) console.log(`  ${line.map((cell, index) => cell.padStart(widths[index]!)).join("  ")}`);
}
