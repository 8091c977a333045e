import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { gitAndNode, packageJson, serverWith } from "./apps.ts";
import type { Files } from "./repository.ts";
import type { Site } from "./site.ts";

export const DATABASES = ["core", "system", "content"] as const;
export type DatabaseName = (typeof DATABASES)[number];

/** Migrations by name, in their order. */
export type Migrations = Readonly<Record<string, string>>;

/** The first migrations of the app's three databases: a table `items` in each, with a row. */
const FIRST: Migrations = {
  "0000_init":
    "CREATE TABLE items (id INTEGER PRIMARY KEY, title TEXT NOT NULL);--> statement-breakpoint\nINSERT INTO items (title) VALUES ('one');",
};

/** A migrations folder as drizzle-kit up to 0.31 writes it. */
function migrationsFolder(folder: string, migrations: Migrations): Files {
  const tags = Object.keys(migrations);
  const entries = tags.map((tag, idx) => ({
    idx,
    version: "6",
    when: 1_760_000_000_000 + idx * 1000,
    tag,
    breakpoints: true,
  }));
  return {
    [`${folder}/meta/_journal.json`]: JSON.stringify({ version: "7", dialect: "sqlite", entries }, null, 2),
    ...Object.fromEntries(tags.map((tag) => [`${folder}/${tag}.sql`, migrations[tag] as string])),
  };
}

/** Folders of all three databases; what is given comes after the first migration. */
export function migrationsOf(more: Partial<Record<DatabaseName, Migrations>> = {}): Files {
  return Object.assign(
    {},
    ...DATABASES.map((name) => migrationsFolder(`drizzle/${name}`, { ...FIRST, ...more[name] })),
  );
}

/** An app with three databases, opened by the usual path; its build writes down what it sees of them. */
export function databaseApp(): Files {
  return {
    ...migrationsOf(),
    "package.json": packageJson({ build: "node --disable-warning=ExperimentalWarning build.cjs" }),
    "open.cjs": `
      const { DatabaseSync } = require("node:sqlite");
      const { join } = require("node:path");
      exports.open = (name) => {
        const db = new DatabaseSync(join(process.cwd(), "data", name + ".db"));
        db.exec("PRAGMA busy_timeout = 5000");
        return db;
      };
      exports.columns = (db) => db.prepare("SELECT name FROM pragma_table_info('items')").all().map((row) => row.name);
    `,
    "build.cjs": BUILD,
    "server.cjs": databaseServer(""),
  };
}

/** Its build: writes the columns of the copies, and of the live files that LIVE names, into seen.json. */
const BUILD = `
  const { existsSync, writeFileSync } = require("node:fs");
  const { DatabaseSync } = require("node:sqlite");
  const { open, columns } = require("./open.cjs");
  const seen = { copy: {}, live: {} };
  for (const name of ["core", "system", "content"]) {
    seen.copy[name] = columns(open(name));
    const live = process.env.LIVE + "/" + name + ".db";
    seen.live[name] = existsSync(live) ? columns(new DatabaseSync(live, { readOnly: true })) : null;
  }
  writeFileSync("seen.json", JSON.stringify(seen));
`;

/** The app's server; `before` runs at its start, with `open` and the open `databases` at hand. */
export function databaseServer(before: string): string {
  return `
    const { open, columns } = require("./open.cjs");
    const databases = ["core", "system", "content"].map(open);
    ${before}
    ${serverWith(`
      const rows = databases.map((db) => db.prepare("SELECT count(*) AS n FROM items").get().n);
      response.end(JSON.stringify({ revision, rows, columns: databases.map(columns) }));
    `)}
  `;
}

interface DatabaseConfig {
  readonly shared: readonly string[];
  readonly env: readonly string[];
  readonly plugin: [string, object];
}

/** What a config says about the three databases. */
export function databaseConfig(): DatabaseConfig {
  const databases = DATABASES.map((name) => [name, { file: `data/${name}.db`, migrations: `drizzle/${name}` }]);
  return {
    shared: ["data/"],
    env: ["LIVE"],
    plugin: ["@deployer/plugin-drizzle", { databases: Object.fromEntries(databases) }],
  };
}

/** Configures an app with the three databases that is not served; answers what the deployer must be called with. */
export async function configureDatabases(site: Site): Promise<{ readonly env: Record<string, string> }> {
  const { plugin, ...rest } = databaseConfig();
  await site.configure({ ...rest, plugins: [...gitAndNode(site.remote), plugin] });
  return { env: { LIVE: liveFolder(site) } };
}

export function liveFolder(site: Site): string {
  return join(site.root, "shared/data");
}

/** The schema and the applied migrations of each live database; `null` where there is none. */
export function schemas(site: Site): Record<string, unknown> {
  return Object.fromEntries(DATABASES.map((name) => [name, schemaOf(join(liveFolder(site), `${name}.db`))]));
}

function schemaOf(file: string): unknown {
  if (!existsSync(file)) return null;
  const db = new DatabaseSync(file, { readOnly: true });
  try {
    return {
      schema: db.prepare("SELECT type, name, sql FROM sqlite_schema ORDER BY name").all(),
      applied: db.prepare("SELECT hash, created_at FROM __drizzle_migrations ORDER BY created_at").all(),
    };
  } finally {
    db.close();
  }
}

export function liveColumns(site: Site, name: DatabaseName): string[] {
  return query(site, name, "SELECT name FROM pragma_table_info('items')").map((row) => String(row.name));
}

export function query(site: Site, name: DatabaseName, sql: string): Record<string, unknown>[] {
  const db = new DatabaseSync(join(liveFolder(site), `${name}.db`), { readOnly: true });
  try {
    return db.prepare(sql).all() as Record<string, unknown>[];
  } finally {
    db.close();
  }
}

/** As the app would, from another process than the deployer's. */
export function write(site: Site, name: DatabaseName, sql: string): void {
  const db = new DatabaseSync(join(liveFolder(site), `${name}.db`));
  try {
    db.exec(sql);
  } finally {
    db.close();
  }
}

/** The bytes of all three databases, their write-ahead logs included. */
export function bytes(site: Site): Record<string, string> {
  const files = DATABASES.flatMap((name) => [`${name}.db`, `${name}.db-wal`]);
  return Object.fromEntries(files.map((name) => [name, hashOf(join(liveFolder(site), name))]));
}

function hashOf(file: string): string {
  if (!existsSync(file)) return "empty";
  const content = readFileSync(file);
  return content.length === 0 ? "empty" : createHash("sha256").update(content).digest("hex");
}
