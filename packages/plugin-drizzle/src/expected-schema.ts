import Database from "better-sqlite3";
import { createMigrationsTable } from "./applied.ts";
import { runStatement } from "./apply.ts";
import type { Migration } from "./migrations-folder.ts";
import { judgeStatement } from "./statement-rules.ts";

/**
 * What `read` sees of the schema that migrations make of an empty database; `undefined` when they cannot run without
 * the data or the functions of the app.
 */
export function schemaOf<T>(
  migrations: readonly Migration[],
  read: (db: Database.Database) => T,
  setup?: (db: Database.Database) => void,
): T | undefined {
  return schemasAfterEach(migrations, read, setup)?.at(-1);
}

/** The same before the first and after each migration. */
export function schemasAfterEach<T>(
  migrations: readonly Migration[],
  read: (db: Database.Database) => T,
  setup: (db: Database.Database) => void = () => undefined,
): T[] | undefined {
  const db = new Database(":memory:");
  try {
    db.pragma("foreign_keys = OFF");
    setup(db);
    db.prepare("BEGIN").run();
    createMigrationsTable(db);
    const schemas = [read(db)];
    for (const { tag, statements } of migrations) {
      for (const [index, statement] of statements.entries()) {
        if (judgeStatement(statement) === "run") {
          runStatement(db, { migration: tag, number: index + 1, statement });
        }
      }
      schemas.push(read(db));
    }
    return schemas;
  } catch {
    return undefined;
  } finally {
    db.close();
  }
}
