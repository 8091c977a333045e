import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { expect, it } from "vitest";
import { definitionsOf } from "./definition.ts";
import { gate } from "./gate.ts";
import { type Pm2Options, pm2OptionsSchema } from "./options.ts";
import { pm2FieldsAmong } from "./pm2-fields.ts";
import { preflight } from "./preflight.ts";
import { quickSettings, Stage } from "./testing/stage.ts";

const LIBRARY = join(dirname(createRequire(import.meta.url).resolve("pm2/package.json")), "lib");
const places = { directory: "/srv/shop/releases/r2", current: "/srv/shop/current", depth: 0 };

const refused = (app: object, options: Partial<Pm2Options> = {}) =>
  definitionsOf(
    [{ name: "shop", script: "a.js", ...app }],
    { ecosystem: "ecosystem.config.cjs", ...options },
    places,
  ).problems.map(({ message }) => message);

/** What PM2's daemon and its containers read of a worker's record; what they only write is not among it. */
function readByPm2(): string[] {
  const files = ["God.js", "Worker.js", "Watcher.js", "ProcessContainer.js", "ProcessContainerFork.js"];
  const parts = readdirSync(join(LIBRARY, "God")).map((name) => join("God", name));
  const source = [...files, ...parts].map((file) => readFileSync(join(LIBRARY, file), "utf8")).join("\n");
  const found = source.matchAll(/\b(?:pm2_env|env_copy|process\.env)(?:\.([a-z_]\w+)|\['(\w{2,})'\])/g);
  return [...new Set([...found].map(([, field, quoted]) => (field ?? quoted) as string))];
}

it("knows every field that PM2 reads of a worker", () => {
  // PM2 sets them at each start, whatever stands there.
  const harmless = ["_pm2_version", "version"];
  const names = readByPm2();
  expect(names).toEqual(expect.arrayContaining(["name", "exec_mode", "cron_restart"]));
  expect(names.filter((name) => pm2FieldsAmong([name]).length === 0).sort()).toEqual(harmless);
});

it("an app whose variables have names of PM2's own is refused, whatever their values", () => {
  expect(refused({ env: { PORT: 3000, name: "rogue", cron_restart: { at: 3 }, exec_mode: null } })).toEqual([
    'its env has "name", "cron_restart": PM2 takes a variable of such a name for its own setting',
  ]);
  expect(refused({ env: { NAME: "shop", port: 3000, version: "1", NODE_APP_INSTANCE: "" } })).toEqual([]);
});

it("its release is refused at the gate, whatever PM2 would have made of it", async () => {
  const stage = await Stage.make();
  try {
    const release = await stage.machine.release({ ecosystem: { env: { cron_restart: "x" } } });
    await expect(gate(stage.machine.gateContext(release), quickSettings())).rejects.toMatchObject({
      code: "ERR_PM2_DEFINITION",
      exitCode: 2,
      hint: expect.stringContaining('Rename the variable ("cron_restart")'),
    });
  } finally {
    await stage.close();
  }
});

it("so is one whose env_<name> has them, when that is the one that is merged", () => {
  const app = { env: { A: "a" }, env_production: { instances: true } };
  expect(refused(app, { env: "production" })).toEqual([expect.stringContaining('"instances"')]);
  expect(refused(app)).toEqual([]);
});

it("in the config they are refused where they stand", () => {
  const result = pm2OptionsSchema.safeParse({ apps: { shop: { script: "a.js", env: { args: "x" } } } });
  expect(result.error?.issues).toMatchObject([
    { path: ["apps", "shop", "env", "args"], message: expect.stringContaining("PM2") },
  ]);
});

it("one that the config passes on is refused before the run", async () => {
  const stage = await Stage.make();
  try {
    const problems: string[] = [];
    const base = stage.machine.context();
    const env = { ...base.env, watch: "true" };
    await preflight(
      { ...base, env, problem: (message) => void problems.push(message), useNode: () => {} },
      quickSettings(),
    );
    expect(problems).toEqual([expect.stringContaining('"watch"')]);
  } finally {
    await stage.close();
  }
});
