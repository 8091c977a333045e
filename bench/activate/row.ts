/** One line of the table, and of the JSON. */
interface Row {
  readonly variant: string;
  /** "cluster x2": PM2's mode and the number of workers. */
  readonly mode: string;
  /** Whether releases were tried before they took over. */
  readonly gate: boolean;
  /** How many requests may fail; `null` where the gate is off and the release is bad: as few as PM2 allows. */
  readonly expected: 0 | null;
  readonly deployments: number;
  readonly requests: number;
  readonly failed: number;
  /** How many failed when the same was done by `ln -sfn` and `pm2 reload`; `null` when that was left out. */
  readonly plainFailed: number | null;
  readonly settleMs: number;
  readonly soakMs: number;
  /** Of a good variant: a rollback after the last deployment, under the same load, chosen waits left out. */
  readonly rollbackMs?: number;
}

/** What the table shows beside it. */
interface RowNotes {
  readonly plainRequests: number;
  readonly failures: Readonly<Record<string, number>>;
  readonly plainFailures: Readonly<Record<string, number>>;
  readonly longestMs: number;
  /** The middle deployment, chosen waits left out. */
  readonly workMs: number;
  /** The chosen waits of all deployments. */
  readonly waitedMs: number;
  /** Of a bad release: the error it was refused with. */
  readonly refusedBy?: string;
}

export interface Measured {
  readonly row: Row;
  readonly notes: RowNotes;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((one, other) => one - other);
  return Math.round(sorted[Math.floor(sorted.length / 2)] ?? 0);
}
