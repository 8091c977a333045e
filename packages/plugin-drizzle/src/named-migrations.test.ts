import { cpSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { nodeFileSystem } from "@deployer/core";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { readMigrationsFolder } from "./migrations-folder.ts";
import { inOrder } from "./named-migrations.ts";
import { fault } from "./testing/fault.ts";
import { type TestApp, testApp } from "./testing/test-app.ts";

/** What drizzle-kit 1.0.0-rc.5 wrote. */
const WRITTEN = join(import.meta.dirname, "testing", "drizzle-kit", "1.0", "drizzle");
const NAMES = readdirSync(WRITTEN).sort();
const [FIRST_TIME] = /^\d{14}/.exec(NAMES[0]!)!;
const FIRST_WHEN = Date.parse(FIRST_TIME.replace(/(....)(..)(..)(..)(..)(..)/, "$1-$2-$3T$4:$5:$6Z"));

let app: TestApp;
beforeEach(() => {
  app = testApp({ databases: { core: { file: "data/core.db", migrations: "drizzle/core" } } });
});
afterEach(() => app[Symbol.dispose]());

function release(names: readonly string[]): ReturnType<TestApp["release"]> {
  const made = app.release({});
  for (const name of names) {
    const folder = join(made.path, "drizzle", "core", name);
    mkdirSync(folder, { recursive: true });
    cpSync(join(WRITTEN, name), folder, { recursive: true });
  }
  return made;
}

function rows(database = "core"): { name: string }[] {
  const db = app.open(database);
  try {
    return db.prepare("SELECT * FROM __drizzle_migrations ORDER BY id").all() as { name: string }[];
  } finally {
    db.close();
  }
}

describe("migrations of drizzle 1.0", () => {
  it("are read by name, with the time of the name and the hash of the text", async () => {
    const migrations = await readMigrationsFolder(join(release(NAMES).path, "drizzle/core"), nodeFileSystem);
    expect(migrations.map(({ name }) => name)).toEqual(NAMES);
    expect(migrations[0]).toMatchObject({ tag: NAMES[0], when: FIRST_WHEN });
  });

  it("run as drizzle-kit wrote them, and are recorded as drizzle does", async () => {
    await app.deploy(release(NAMES));
    expect(app.migrated.core).toEqual(NAMES);
    expect(rows().map(({ name }) => name)).toEqual(NAMES);
    expect(rows()[0]).toEqual({
      ...{ id: 1, hash: expect.stringMatching(/^[0-9a-f]{64}$/), created_at: FIRST_WHEN },
      ...{ name: NAMES[0], applied_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/) },
    });
  });

  it("are told apart by name, so that an edited one stops the run", async () => {
    await app.deploy(release(NAMES.slice(0, 2)));
    const edited = release(NAMES.slice(0, 2));
    writeFileSync(join(edited.path, "drizzle/core", NAMES[1]!, "migration.sql"), "SELECT 1;");
    await expect(app.link(edited)).rejects.toMatchObject({
      code: "ERR_MIGRATION_EDITED",
      details: { migrations: [NAMES[1]] },
    });
  });

  it("follow on a table of an older drizzle, whose rows get their names", async () => {
    await app.deploy(release(NAMES.slice(0, 2)));
    const db = app.open("core");
    db.exec(`CREATE TABLE kept AS SELECT hash, created_at FROM __drizzle_migrations; DROP TABLE __drizzle_migrations;
      CREATE TABLE __drizzle_migrations (id SERIAL PRIMARY KEY, hash text NOT NULL, created_at numeric);
      INSERT INTO __drizzle_migrations (hash, created_at) SELECT hash, created_at + 123 FROM kept; DROP TABLE kept`);
    db.close();
    await app.deploy(withAcknowledged());
    expect(rows().map(({ name }) => name)).toEqual(NAMES.slice(0, 3));
  });

  it("keep their names when they are rolled forward, and are undone", async () => {
    app[Symbol.dispose]();
    const [core, system] = ["core", "system"].map((name) => ({ file: `data/${name}.db`, migrations: "drizzle/core" }));
    app = testApp({ databases: { core: core!, system: system! } });
    await app.deploy(release(NAMES.slice(0, 1)));
    const second = release(NAMES.slice(0, 2));
    await app.link(second);
    const killed = fault({ on: "run", matching: "COMMIT", nth: 2, act: "kill" });
    app.context = { ...app.context, env: { ...app.context.env, ...killed } };
    await app.migrate(second);
    for (const name of ["core", "system"]) expect(rows(name).map((row) => row.name)).toEqual(NAMES.slice(0, 2));
    expect(app.warnings.join()).toMatch(/cut off between two COMMITs/);
    await app.command("undo");
    for (const name of ["core", "system"]) expect(rows(name).map((row) => row.name)).toEqual(NAMES.slice(0, 1));
  });
});

/** With a third one that makes a column UNIQUE, and has the line that lets it pass. */
function withAcknowledged(): ReturnType<TestApp["release"]> {
  const made = release(NAMES.slice(0, 3));
  const sql = "-- deployer: breaks the previous release\nCREATE UNIQUE INDEX u ON users (mail);";
  writeFileSync(join(made.path, "drizzle/core", NAMES[2]!, "migration.sql"), sql);
  return made;
}

describe("migrations of one second", () => {
  const named = (name: string, id: string, ...prevIds: string[]): Parameters<typeof inOrder>[0][number] => ({
    ...{ name, when: 1, snapshot: { id, prevIds } },
  });

  it("come in the order in which they build on each other, else by name", () => {
    const order = inOrder([named("c", "3", "1"), named("a", "2", "3"), named("b", "1", "0")]);
    expect(order.map(({ name }) => name)).toEqual(["b", "c", "a"]);
    expect(inOrder([named("b", "1", "0"), named("a", "2", "0")]).map(({ name }) => name)).toEqual(["a", "b"]);
  });

  it("come by name when they go in a circle", () => {
    expect(inOrder([named("b", "1", "2"), named("a", "2", "1")]).map(({ name }) => name)).toEqual(["a", "b"]);
  });
});
