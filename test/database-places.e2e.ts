import { existsSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, expect } from "vitest";
import { gitAndNode, packageJson, serverWith } from "./support/apps.ts";
import { liveColumns, migrationsOf, query } from "./support/database-app.ts";
import { expectOutcome } from "./support/expect-outcome.ts";
import type { Files } from "./support/repository.ts";
import { servedApp } from "./support/served-app.ts";
import { type Site, test } from "./support/site.ts";

const NOTE = { "0001_note": "ALTER TABLE items ADD COLUMN note TEXT;" };

/** An app that finds its database by a variable. Its build renders a page from it, and writes to it; so does its start. */
function appWithVariable(): Files {
  return {
    ...migrationsOf(),
    "package.json": packageJson({ build: "node --disable-warning=ExperimentalWarning build.cjs" }),
    "build.cjs": `
      const { writeFileSync } = require("node:fs");
      const { DatabaseSync } = require("node:sqlite");
      const db = new DatabaseSync(process.env.SHOP_DB);
      const columns = db.prepare("SELECT name FROM pragma_table_info('items')").all().map(({ name }) => name);
      db.exec("INSERT INTO items (title) VALUES ('by the build')");
      writeFileSync("page.json", JSON.stringify({ file: process.env.SHOP_DB, columns }));
    `,
    "server.cjs": `
      const { DatabaseSync } = require("node:sqlite");
      const db = new DatabaseSync(process.env.SHOP_DB);
      if (process.env.DEPLOYER_GATE) db.exec("INSERT INTO items (title) VALUES ('by the trial')");
      ${serverWith(`response.end(JSON.stringify({ revision, file: process.env.SHOP_DB }));`)}
    `,
  };
}

describe("a database by absolute path, beside uploads", () => {
  test("is made by the first deployment and migrated by the next, and neither build nor trial writes to it", async ({
    site,
  }) => {
    const volume = site.at("volume");
    const file = join(volume, "core.db");
    await mkdir(join(volume, "uploads"), { recursive: true });
    await writeFile(join(volume, "uploads/a.txt"), "uploaded");
    const app = await servedApp(site);
    const env = { PORT: new URL(app.url).port, SHOP_DB: file };
    const databases = { core: { file, migrations: "drizzle/core", env: "SHOP_DB" } };
    await app.configure({
      app: { env: ["SHOP_DB"] },
      before: [["@deployer/plugin-drizzle", { databases }]],
      pm2: { apps: { web: { script: "server.cjs", instances: 2, env } } },
    });
    const deploy = async (): Promise<Record<string, readonly string[]>> =>
      expectOutcome(await site.deployer(["check", "--json"], { env: { SHOP_DB: file } }), "deployed").migrated;
    const titles = (): unknown[] => rows(file, "SELECT title FROM items").map(({ title }) => title);

    await site.commit(appWithVariable());
    expect(await deploy()).toEqual({ core: ["0000_init"] });
    expect(await page(site)).toEqual({ file: expect.not.stringContaining(volume), columns: ["id", "title"] });
    expect(titles()).toEqual(["one"]);

    const load = app.load();
    await site.commit(migrationsOf({ core: NOTE }));
    expect(await deploy()).toEqual({ core: ["0001_note"] });
    expect(await page(site)).toEqual({ file: expect.not.stringContaining(volume), columns: ["id", "title", "note"] });
    expect(await load.stop()).toMatchObject({ failed: 0 });
    expect(JSON.parse((await app.get()).text)).toMatchObject({ file });
    expect(titles()).toEqual(["one"]);
    expect(await readFile(join(volume, "uploads/a.txt"), "utf8")).toBe("uploaded");
  });
});

describe("a database in a shared directory, beside uploads", () => {
  test("has a copy for the build, which sees the uploads that there are", async ({ site }) => {
    const databases = { core: { file: "data/core.db", migrations: "drizzle/core" } };
    await site.configure({
      shared: ["data/"],
      plugins: [...gitAndNode(site.remote), ["@deployer/plugin-drizzle", { databases }]],
    });
    await site.put("shared/data/uploads/a.txt", "uploaded");
    const files = appWithVariable();
    const build = `process.env.SHOP_DB = "data/core.db";${files["build.cjs"]}
      writeFileSync("upload.txt", require("node:fs").readFileSync("data/uploads/a.txt"));`;
    await site.commit({ ...files, "build.cjs": build });
    expectOutcome(await site.deployer(["check", "--json"]), "deployed");
    await site.commit(migrationsOf({ core: NOTE }));
    expectOutcome(await site.deployer(["check", "--json"]), "deployed");
    expect(await page(site)).toEqual({ file: "data/core.db", columns: ["id", "title", "note"] });
    expect(liveColumns(site, "core")).toEqual(["id", "title", "note"]);
    expect(query(site, "core", "SELECT title FROM items")).toEqual([{ title: "one" }]);
    expect(await site.read("current/upload.txt")).toBe("uploaded");
    expect(await site.read("current/data/uploads/a.txt")).toBe("uploaded");
    expect(existsSync(join(site.root, "shared/data/uploads/a.txt"))).toBe(true);
  });
});

describe("three deployers at once", () => {
  test("run a migration of data once, by one of them", async ({ site }) => {
    const databases = { core: { file: "data/core.db", migrations: "drizzle/core" } };
    const plugins = [...gitAndNode(site.remote), ["@deployer/plugin-drizzle", { databases }]];
    await site.configure({ shared: ["data/"], plugins });
    await site.commit(migrationsOf());
    expectOutcome(await site.deployer(["check", "--json"]), "deployed");
    await site.commit(migrationsOf({ core: { "0001_twice": "UPDATE items SET title = title || '!';" } }));
    const answers = await Promise.all([1, 2, 3].map(() => site.deployer(["check", "--json"])));
    const stories = answers.map(({ exitCode, json }) => `${json.outcome} ${exitCode}`);
    expect(stories.filter((story) => story === "deployed 0")).toHaveLength(1);
    for (const story of stories) expect(["deployed 0", "locked 3", "up-to-date 0"]).toContain(story);
    expect(answers.filter(({ json }) => Object.keys(json.migrated).length > 0)).toHaveLength(1);
    expect(query(site, "core", "SELECT title FROM items")).toEqual([{ title: "one!" }]);
    expectOutcome(await site.deployer(["check", "--json"]), "up-to-date");
  });
});

async function page(site: Site): Promise<unknown> {
  return JSON.parse(await site.read("current/page.json"));
}

function rows(file: string, sql: string): Record<string, unknown>[] {
  const db = new DatabaseSync(file, { readOnly: true });
  try {
    return db.prepare(sql).all() as Record<string, unknown>[];
  } finally {
    db.close();
  }
}
