import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { writeKitMigrations } from "./testing/drizzle-kit.ts";
import { testApp } from "./testing/test-app.ts";

const VERSIONS = {
  "0.31": { "drizzle-kit": "0.31.11", "drizzle-orm": "0.45.4" },
  "1.0": { "drizzle-kit": "1.0.0-rc.5", "drizzle-orm": "1.0.0-rc.5" },
} as const;

const MIGRATE = `
  import Database from "better-sqlite3";
  import { drizzle } from "drizzle-orm/better-sqlite3";
  import { migrate } from "drizzle-orm/better-sqlite3/migrator";
  const [kit, file] = process.argv.slice(2);
  const db = new Database(file);
  migrate(kit === "0.31" ? drizzle(db) : drizzle({ client: db }), { migrationsFolder: "drizzle" });
`;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "drizzle-kit-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

it.each(["0.31", "1.0"] as const)(
  "drizzle-kit %s migrate and its drizzle-orm do nothing after us, and we do nothing after them",
  async (kit) => {
    using app = testApp({ databases: { core: { file: "data/core.db", migrations: "drizzle" } } });
    const release = app.release({});
    writeKitMigrations(join(release.path, "drizzle"), kit, "custom");
    writeKitMigrations(join(folder, "drizzle"), kit, "custom");
    install(VERSIONS[kit]);
    const file = app.livePath("core");
    const content = (): unknown[] => {
      const db = app.open("core");
      try {
        const sql = "SELECT * FROM __drizzle_migrations ORDER BY rowid";
        return [db.prepare("SELECT sql FROM sqlite_master").all(), db.prepare(sql).all()];
      } finally {
        db.close();
      }
    };
    const byKit = (): void => {
      const config = { dialect: "sqlite", out: "./drizzle", dbCredentials: { url: file } };
      writeFileSync(join(folder, "drizzle.config.ts"), `export default ${JSON.stringify(config)};`);
      run("npx", "drizzle-kit", "migrate", "--config", "drizzle.config.ts");
    };
    const byOrm = (): void => run(process.execPath, "migrate.mjs", kit, file);

    await app.deploy(release);
    const ours = content();
    for (const act of [byKit, byOrm]) {
      act();
      expect(content()).toEqual(ours);
    }
    for (const act of [byKit, byOrm]) {
      rmSync(file);
      delete app.migrated.core;
      act();
      const theirs = content();
      await app.deploy(release);
      expect([app.migrated, content()]).toEqual([{}, theirs]);
    }
  },
  180_000,
);

function install(dependencies: object): void {
  writeFileSync(join(folder, "package.json"), JSON.stringify({ type: "module", dependencies }));
  run("npm", "install", "--no-audit", "--no-fund", "--silent");
  const ours = join(import.meta.dirname, "../../../node_modules/better-sqlite3");
  symlinkSync(ours, join(folder, "node_modules/better-sqlite3"));
  writeFileSync(join(folder, "migrate.mjs"), MIGRATE);
}

function run(file: string, ...args: string[]): void {
  execFileSync(file, args, { cwd: folder, stdio: ["ignore", "pipe", "pipe"], timeout: 120_000 });
}
