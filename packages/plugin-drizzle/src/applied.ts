import type { Database } from "better-sqlite3";

export const MIGRATIONS_TABLE = "__drizzle_migrations";

/** A row of drizzle's own table. */
export interface AppliedMigration {
  readonly hash: string;
  /** Drizzle's `created_at`: the journal's `when`. */
  readonly when: number;
  /** Only with drizzle 1.0: the name of the migration's folder. */
  readonly name?: string;
}

// The text of drizzle-orm 0.45 to the last tab, so that a database made by either has the same schema.
const CREATE_TABLE = `
			CREATE TABLE IF NOT EXISTS "${MIGRATIONS_TABLE}" (
				id SERIAL PRIMARY KEY,
				hash text NOT NULL,
				created_at numeric
			)
		`;

// The same of drizzle-orm 1.0.0-rc.5.
const CREATE_TABLE_V1 = `
			CREATE TABLE IF NOT EXISTS "${MIGRATIONS_TABLE}" (
				id INTEGER PRIMARY KEY,
				hash text NOT NULL,
				created_at numeric,
				name text,
				applied_at TEXT
			)
		`;

/** What drizzle's table says is applied, oldest first; nothing when there is no such table. */
export function readApplied(db: Database): AppliedMigration[] {
  return rowsOf(db).map(({ hash, created_at, name }) => ({
    hash,
    when: Number(created_at),
    ...(name == null ? {} : { name }),
  }));
}

// In the place of drizzle's table a view could run SQL of the repository in the process that reads it.
function refuseView(db: Database): void {
  const type = db.prepare("SELECT type FROM sqlite_master WHERE name = ? COLLATE NOCASE").pluck().get(MIGRATIONS_TABLE);
  if (type !== undefined && type !== "table")
    throw new Error(`${MIGRATIONS_TABLE} is a ${String(type)}, not drizzle's table`);
}

function rowsOf(db: Database): { hash: string; created_at: number | string; name?: string | null }[] {
  refuseView(db);
  try {
    return db.prepare(`SELECT * FROM "${MIGRATIONS_TABLE}" ORDER BY created_at, rowid`).all() as never;
  } catch (error) {
    if ((error as Error).message === `no such table: ${MIGRATIONS_TABLE}`) return [];
    throw error;
  }
}

/**
 * Makes drizzle's table when there is none. For migrations of drizzle 1.0 a table of an older drizzle gets the columns
 * of the new one, and its rows the names of the migrations, as drizzle's own migrator would do it.
 */
export function createMigrationsTable(db: Database, names?: readonly NamedMigration[]): void {
  db.prepare(names === undefined ? CREATE_TABLE : CREATE_TABLE_V1).run();
  if (names === undefined || hasNames(db)) return;
  db.prepare(`ALTER TABLE "${MIGRATIONS_TABLE}" ADD COLUMN "name" text`).run();
  db.prepare(`ALTER TABLE "${MIGRATIONS_TABLE}" ADD COLUMN "applied_at" TEXT`).run();
  const backfill = db.prepare(`UPDATE "${MIGRATIONS_TABLE}" SET "name" = ? WHERE "hash" = ? AND "name" IS NULL`);
  for (const { name, hashes } of names) for (const hash of hashes) backfill.run(name, hash);
}

/** A migration of drizzle 1.0, which tells them apart by name. */
export interface NamedMigration {
  readonly name: string;
  readonly hashes: readonly string[];
}

/** Writes the row that drizzle-orm would. Before 1.0 `id` is NULL there too: SERIAL means nothing to SQLite. */
export function recordApplied(db: Database, { hash, when, name }: AppliedMigration): void {
  if (name === undefined) {
    db.prepare(`INSERT INTO "${MIGRATIONS_TABLE}" ("hash", "created_at") VALUES(?, ?)`).run(hash, when);
    return;
  }
  db.prepare(`INSERT INTO "${MIGRATIONS_TABLE}" ("hash", "created_at", "name", "applied_at") VALUES(?, ?, ?, ?)`).run(
    hash,
    when,
    name,
    new Date().toISOString(),
  );
}

function hasNames(db: Database): boolean {
  return (db.pragma(`table_info("${MIGRATIONS_TABLE}")`) as { name: string }[]).some(({ name }) => name === "name");
}
