import Database from "better-sqlite3";
import { createMigrationsTable } from "./applied.ts";
import { MigrationFailure, type OnStatement, runStatement } from "./apply.ts";
import type { Migration } from "./migrations-folder.ts";
import { judgeStatements } from "./statement-rules.ts";

/**
 * What `read` sees of the schemas that migrations make of an empty database, before the first and after each; `undefined`
 * when they cannot run without the data or the functions of the app.
 * @throws MigrationFailure when the setup module fails
 */
export function schemasAfterEach<T>(
  migrations: readonly Pick<Migration, "tag" | "statements">[],
  read: (db: Database.Database) => T,
  setup: (db: Database.Database) => void,
  onStatement: OnStatement,
): T[] | undefined {
  const db = new Database(":memory:");
  try {
    db.pragma("foreign_keys = OFF");
    setup(db);
    db.prepare("BEGIN").run();
    createMigrationsTable(db);
    const schemas = [read(db)];
    for (const { tag, statements } of migrations) {
      const verdicts = judgeStatements(statements);
      for (const [index, statement] of statements.entries()) {
        if (verdicts[index] !== "run") continue;
        const at = { migration: tag, number: index + 1, statement };
        onStatement(at);
        runStatement(db, at);
      }
      schemas.push(read(db));
    }
    return schemas;
  } catch (error) {
    if (error instanceof MigrationFailure && error.problem.statement === undefined) throw error;
    return undefined;
  } finally {
    db.close();
  }
}
