import type { Database } from "better-sqlite3";

export const MIGRATIONS_TABLE = "__drizzle_migrations";

/** A row of drizzle's own table. */
export interface AppliedMigration {
  readonly hash: string;
  /** Drizzle's `created_at`: the journal's `when`. */
  readonly when: number;
}

// The text of drizzle-orm 0.45 to the last tab, so that a database made by either has the same schema.
const CREATE_TABLE = `
			CREATE TABLE IF NOT EXISTS "${MIGRATIONS_TABLE}" (
				id SERIAL PRIMARY KEY,
				hash text NOT NULL,
				created_at numeric
			)
		`;

/** What drizzle's table says is applied, oldest first; nothing when there is no such table. */
export function readApplied(db: Database): AppliedMigration[] {
  const table = db.prepare("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?").get(MIGRATIONS_TABLE);
  if (table === undefined) return [];
  const rows = db.prepare(`SELECT hash, created_at FROM "${MIGRATIONS_TABLE}" ORDER BY created_at, rowid`).all();
  return (rows as { hash: string; created_at: number | string }[]).map((row) => ({
    hash: row.hash,
    when: Number(row.created_at),
  }));
}

export function createMigrationsTable(db: Database): void {
  db.prepare(CREATE_TABLE).run();
}

/** Writes the row that drizzle-orm would: `id` is NULL there too, because SERIAL means nothing to SQLite. */
export function recordApplied(db: Database, { hash, when }: AppliedMigration): void {
  db.prepare(`INSERT INTO "${MIGRATIONS_TABLE}" ("hash", "created_at") VALUES(?, ?)`).run(hash, when);
}
