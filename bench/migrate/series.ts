import type { MigrationFiles } from "../../packages/plugin-drizzle/src/testing/test-app.ts";
import { lostWrites, startWriters } from "../../packages/plugin-drizzle/src/testing/writers.ts";
import { folders, livePaths, START, shopFrom, type Template } from "./shop.ts";

export interface SeriesFigures {
  readonly migrations: number;
  readonly appErrors: number;
  readonly lostWrites: number;
  /** Of any write in any migrate stage. */
  readonly longestWriteMs: number;
  /** Of any write while copies were made and migrated. */
  readonly copyLongestWriteMs: number;
}

/** Kinds of change that a running release survives, one after the other. */
function change(n: number): string {
  const kinds = [
    `ALTER TABLE items ADD c${n} text;`,
    `CREATE TABLE t${n} (id integer PRIMARY KEY, item integer REFERENCES items(id));--> statement-breakpoint\nCREATE INDEX i${n} ON t${n} (item);`,
    `UPDATE items SET title = title || '.' WHERE kind = ${n % 1000};`,
    `CREATE INDEX k${n} ON items (kind, title);`,
    `DROP INDEX IF EXISTS k${n - 1};`,
  ];
  return kinds[n % kinds.length]!;
}

/** Migrations one after the other, on all databases each, while an app writes with immediate transactions. */
export async function series(template: Template, count: number, rate: number, untilMs: number): Promise<SeriesFigures> {
  using app = shopFrom(template);
  await using writers = await startWriters(livePaths(app, template), { rate });
  let files: MigrationFiles = START;
  let longestWriteMs = 0;
  let copyLongestWriteMs = 0;
  let migrations = 0;
  const longest = async (): Promise<number> => Math.max(...(await writers.look()).map(({ longest }) => longest));
  while (migrations < count && performance.now() < untilMs) {
    migrations += 1;
    files = { ...files, [`${String(migrations).padStart(4, "0")}_change`]: change(migrations) };
    const release = app.release(folders(template, files));
    await longest();
    await app.link(release);
    copyLongestWriteMs = Math.max(copyLongestWriteMs, await longest());
    await app.settle(release);
    await app.migrate(release);
    longestWriteMs = Math.max(longestWriteMs, await longest());
    await app.context.fs.remove(release.path);
  }
  const written = await writers.stop();
  return {
    migrations,
    appErrors: written.flatMap(({ errors }) => Object.values(errors)).reduce((sum, n) => sum + n, 0),
    lostWrites: written.reduce((sum, each) => sum + lostWrites(each), 0),
    longestWriteMs,
    copyLongestWriteMs,
  };
}
