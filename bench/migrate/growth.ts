import Database from "better-sqlite3";
import type { MigrationFiles } from "../../packages/plugin-drizzle/src/testing/test-app.ts";
import { lockedMs, median, round, timed } from "./figures.ts";
import { folders, livePaths, makeTemplate, type Sizes, START, shopFrom, type Template } from "./shop.ts";

export interface GrowthPoint {
  readonly databases: number;
  readonly migrations: number;
  readonly megabytes: number;
  /** Plan, copies and rehearsal. */
  readonly linkMs: number;
  readonly migrateMs: number;
  readonly lockedMs: number;
}

/** One new column in each database, as work grows; nobody writes. */
export async function growth(databases: number, migrations: number, megabytes: number): Promise<GrowthPoint> {
  const sizes = Object.fromEntries(Array.from({ length: databases }, (_, index) => [`db${index}`, megabytes]));
  using template = makeTemplate(sizes);
  using app = shopFrom(template);
  const before: MigrationFiles = {
    ...START,
    ...Object.fromEntries(
      Array.from({ length: migrations - 1 }, (_, index) => [`${tag(index + 1)}_t`, `CREATE TABLE t${index} (x);`]),
    ),
  };
  if (migrations > 1) await app.deploy(app.release(folders(template, before)));
  const release = app.release(
    folders(template, { ...before, [`${tag(migrations)}_sku`]: "ALTER TABLE items ADD sku;" }),
  );
  const [linkMs] = await timed(() => app.link(release));
  const [migrateMs] = await timed(() => app.migrate(release));
  return {
    databases,
    migrations,
    megabytes,
    linkMs: round(linkMs),
    migrateMs: round(migrateMs),
    lockedMs: lockedMs(app.infos),
  };
}

export interface IdleFigures {
  readonly idleMs: number;
  readonly openMs: number;
}

/** With nothing pending and without copies: both stages, beside opening the same databases and reading their schemas. */
export async function idle(sizes: Sizes, runs: number): Promise<IdleFigures> {
  using template = makeTemplate(sizes);
  using app = shopFrom(template);
  app.context = { ...app.context, config: { ...app.context.config, copies: false } };
  const release = app.release(folders(template, START));
  const idleMs: number[] = [];
  const openMs: number[] = [];
  for (let run = 0; run < runs; run += 1) {
    const [ours] = await timed(async () => {
      await app.link(release);
      await app.migrate(release);
    });
    const [theirs] = await timed(() => openAll(app, template));
    idleMs.push(ours);
    openMs.push(theirs);
  }
  return { idleMs: median(idleMs), openMs: median(openMs) };
}

function openAll(app: Parameters<typeof livePaths>[0], template: Template): void {
  for (const path of livePaths(app, template)) {
    const db = new Database(path, { readonly: true, fileMustExist: true });
    db.prepare("SELECT type, name, sql FROM sqlite_master").all();
    db.prepare("SELECT hash, created_at FROM __drizzle_migrations").all();
    db.close();
  }
}

function tag(n: number): string {
  return String(n).padStart(4, "0");
}
