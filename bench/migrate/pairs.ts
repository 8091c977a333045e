import { join } from "node:path";
import Database from "better-sqlite3";
import { drizzle } from "drizzle-orm/better-sqlite3";
import { migrate } from "drizzle-orm/better-sqlite3/migrator";
import { lostWrites, startWriters } from "../../packages/plugin-drizzle/src/testing/writers.ts";
import { lockedMs } from "./figures.ts";
import { folders, livePaths, START, shopFrom, type Template } from "./shop.ts";

/** One migration of all databases, by us or by drizzle's own migrator, seen by the app that writes meanwhile. */
export interface PairRun {
  readonly longestWriteMs: number;
  readonly lockedMs: number;
  readonly appErrors: number;
  readonly lostWrites: number;
}

/** A column, an index over all rows, and a tenth of the rows written anew. */
const CHANGE = [
  "ALTER TABLE items ADD sku text;",
  "CREATE INDEX items_kind ON items (kind);",
  "UPDATE items SET sku = 'sku ' || id WHERE kind < 100;",
].join("--> statement-breakpoint\n");

export async function runOnce(
  who: "ours" | "drizzle",
  behaviour: "immediate" | "deferred",
  template: Template,
  rate: number,
): Promise<PairRun> {
  using app = shopFrom(template);
  const files = livePaths(app, template);
  const release = app.release(folders(template, { ...START, "0001_change": CHANGE }));
  await using writers = await startWriters(files, { rate, behaviour });
  if (who === "ours") await app.link(release);
  await writers.look();
  if (who === "ours") await app.migrate(release);
  else
    for (const name of Object.keys(template.sizes)) migrateOne(app.livePath(name), join(release.path, "drizzle", name));
  const longestWriteMs = Math.max(...(await writers.look()).map(({ longest }) => longest));
  const written = await writers.stop();
  return {
    longestWriteMs,
    lockedMs: lockedMs(app.infos),
    appErrors: written.flatMap(({ errors }) => Object.values(errors)).reduce((sum, n) => sum + n, 0),
    lostWrites: written.reduce((sum, each) => sum + lostWrites(each), 0),
  };
}

/** As its manual says: a connection, and migrate(). */
function migrateOne(path: string, migrationsFolder: string): void {
  const db = new Database(path);
  try {
    migrate(drizzle(db), { migrationsFolder });
  } finally {
    db.close();
  }
}
