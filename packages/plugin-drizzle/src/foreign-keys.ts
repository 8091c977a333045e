import type { Database } from "better-sqlite3";

/** Rows that point at missing rows, counted by "child row -> parent table"; `undefined` when SQLite cannot tell. */
export type Violations = ReadonlyMap<string, number> | undefined;

interface Violation {
  readonly table: string;
  readonly rowid: number | bigint | null;
  readonly parent: string;
}

/**
 * SQLite cannot tell when a foreign key names columns of its parent that are not unique. That is an error of the schema
 * which the app lives with; it must not stop migrations that have nothing to do with it.
 */
export function foreignKeyViolations(db: Database): Violations {
  let rows: Violation[];
  try {
    rows = db.pragma("foreign_key_check") as Violation[];
  } catch {
    return undefined;
  }
  const counts = new Map<string, number>();
  for (const { table, rowid, parent } of rows) {
    const row = `${table} row ${rowid ?? "?"} -> ${parent}`;
    counts.set(row, (counts.get(row) ?? 0) + 1);
  }
  return counts;
}

/** What came with the migrations, at most ten of it. */
export function newViolations(before: Violations, after: Violations): string[] {
  if (before === undefined) return [];
  if (after === undefined) return ["a foreign key whose parent columns are not unique"];
  return [...after.keys()].filter((row) => after.get(row)! > (before.get(row) ?? 0)).slice(0, 10);
}
