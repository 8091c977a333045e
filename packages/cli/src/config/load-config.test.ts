import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { temporaryDirectory } from "@deployer/core/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

// A Node of its own, because Vitest has a way of its own to import TypeScript. It has the sources of all packages in
// the place of what is built.
const LOADER = `
  import { registerHooks } from "node:module";
  const packages = ${JSON.stringify(new URL("../../../", import.meta.url).href)};
  registerHooks({
    resolve(specifier, context, nextResolve) {
      const ours = /^@deployer\\/([^/]+)$/.exec(specifier);
      return nextResolve(ours === null ? specifier : packages + ours[1] + "/src/index.ts", context);
    },
  });
  const { shareModules } = await import(packages + "cli/src/config/share-modules.ts");
  const { loadConfig } = await import(packages + "cli/src/config/load-config.ts");
  shareModules();
  process.on("message", async ({ named, environment, cwd }) => {
    try {
      const { file, resolved } = await loadConfig(named, environment, cwd);
      process.send({ file, config: resolved.config, plugins: resolved.pluginOptions });
    } catch ({ code, exitCode, message, hint, stack }) {
      process.send({ error: { code, exitCode, message, hint } });
    }
  });
  process.send("ready");
`;

interface Loaded {
  readonly file?: string;
  readonly config?: Record<string, unknown>;
  readonly plugins?: { name: string; options: Record<string, unknown> }[];
  readonly error?: { code: string; exitCode: number; message: string; hint: string };
}

let loader: ChildProcess;
let said = "";

beforeAll(async () => {
  loader = spawn(process.execPath, ["--input-type=module", "--eval", LOADER], {
    stdio: ["ignore", "inherit", "pipe", "ipc"],
    cwd: fileURLToPath(new URL(".", import.meta.url)),
  });
  loader.stderr?.on("data", (chunk) => {
    said += String(chunk);
  });
  await once(loader, "message");
});

afterAll(() => void loader.kill());

/** Loads one config from a folder of its own, without node_modules and package.json. */
async function load(name: string, text: string, environment?: string, mode = 0o644): Promise<Loaded> {
  await using folder = temporaryDirectory();
  writeFileSync(join(folder.path, name), text);
  chmodSync(join(folder.path, name), mode);
  loader.send({ environment, cwd: folder.path });
  const [answer] = (await once(loader, "message")) as [Loaded];
  return answer;
}

const PLUGINS = '[["@deployer/plugin-git", { "remote": "/r" }]]';
const GIT = [{ name: "git", options: { remote: "/r" } }];

describe("a config in a folder without node_modules", () => {
  it.each([
    [
      "deployer.config.ts",
      `import { defineConfig, type ConfigInput } from "@deployer/core";
       import { git } from "@deployer/plugin-git";
       const app: string = "shop";
       export default defineConfig({ app, plugins: [git({ remote: "/r" })] } satisfies ConfigInput);`,
    ],
    [
      "deployer.config.mjs",
      'import git from "@deployer/plugin-git"; export default { app: "shop", plugins: [git({ remote: "/r" })] };',
    ],
    [
      "deployer.config.js",
      'import git from "@deployer/plugin-git"; export default { app: "shop", plugins: [git({ remote: "/r" })] };',
    ],
    ["deployer.config.json", `{ "app": "shop", "plugins": ${PLUGINS} }`],
    ["deployer.config.yaml", 'app: shop\nplugins:\n  - - "@deployer/plugin-git"\n    - remote: /r\n'],
    ["deployer.config.toml", `app = "shop"\nplugins = [["@deployer/plugin-git", { remote = "/r" }]]\n`],
  ])("loads as %s, with the plugins of the running command", async (name, text) => {
    said = "";
    const loaded = await load(name, text);
    expect(loaded).toMatchObject({ config: { app: "shop", environment: null }, plugins: GIT });
    expect(loaded.file?.endsWith(`/${name}`)).toBe(true);
    expect(loaded.config?.root).toBe(loaded.file?.slice(0, -name.length - 1));
    expect(said).toBe("");
  });

  it("may use TypeScript that the stripping of types refuses", async () => {
    const text = `import { defineConfig } from "@deployer/core";
      import { git } from "@deployer/plugin-git";
      enum Keep { few = 2 }
      export default defineConfig({ app: "shop", keepReleases: Keep.few, plugins: [git({ remote: "/r" })] });`;
    expect(await load("deployer.config.ts", text)).toMatchObject({ config: { keepReleases: 2 }, plugins: GIT });
  });
});

describe("environments", () => {
  const text = `{
    "app": "shop", "keepReleases": 5, "plugins": ${PLUGINS},
    "$staging": { "keepReleases": 2, "plugins": [["@deployer/plugin-git", { "ref": "next" }], "@deployer/plugin-node"] },
    "$production": { "keepReleases": 9 }
  }`;

  it("of a text config are laid over it, plugins merged by their module", async () => {
    expect(await load("deployer.config.json", text, "staging")).toMatchObject({
      config: { app: "shop", keepReleases: 2, environment: "staging" },
      plugins: [{ name: "git", options: { remote: "/r", ref: "next" } }, { name: "node" }],
    });
  });

  it("are left alone when none is named", async () => {
    expect(await load("deployer.config.json", text)).toMatchObject({ config: { keepReleases: 5 }, plugins: GIT });
  });

  it("that the config does not know are refused", async () => {
    expect((await load("deployer.config.json", text, "stagging")).error).toMatchObject({
      code: "ERR_CONFIG_LOAD",
      exitCode: 2,
      message: expect.stringContaining('no environment "stagging"'),
    });
  });

  it("are given to a config that is a function", async () => {
    const code = `import { git } from "@deployer/plugin-git";
      export default async ({ env }) => ({ app: env === "staging" ? "shop-staging" : "shop", plugins: [git({ remote: "/r" })] });`;
    expect(await load("deployer.config.mjs", code, "staging")).toMatchObject({
      config: { app: "shop-staging", environment: "staging" },
    });
    expect(await load("deployer.config.mjs", code)).toMatchObject({ config: { app: "shop", environment: null } });
  });
});

describe("a config that cannot be used", () => {
  it.each([
    ["a syntax error", "deployer.config.ts", "export default {", "ERR_CONFIG_LOAD"],
    ["broken JSON", "deployer.config.json", "{ oops", "ERR_CONFIG_LOAD"],
    ["broken YAML", "deployer.config.yaml", "app: [", "ERR_CONFIG_LOAD"],
    [
      "a module that is missing",
      "deployer.config.mjs",
      'import "no-such-module"; export default {};',
      "ERR_CONFIG_LOAD",
    ],
    ["an error of its own", "deployer.config.mjs", 'throw new Error("my own mistake");', "ERR_CONFIG_LOAD"],
    ["no default export", "deployer.config.mjs", "export const config = {};", "ERR_CONFIG"],
    ["problems", "deployer.config.json", '{ "app": "my shop", "plugins": ["no-such-plugin"] }', "ERR_CONFIG"],
  ])("because of %s is exit 2, not a defect", async (_title, name, text, code) => {
    const { error } = await load(name, text);
    expect(error).toMatchObject({ code, exitCode: 2 });
    expect(error?.hint).not.toBe("");
  });

  it("because others can write it is refused before it is run", async () => {
    const { error } = await load("deployer.config.mjs", 'throw new Error("it ran");', undefined, 0o666);
    expect(error).toMatchObject({ code: "ERR_INSECURE_MODE", hint: expect.stringContaining("chmod o-w") });
  });

  it("says which option, with the path", async () => {
    const { error } = await load(
      "deployer.config.json",
      '{ "app": "shop", "plugins": [["@deployer/plugin-git", {}]] }',
    );
    expect(error?.message).toContain('git.remote: expected an address, as "git@example.org:me/shop.git"');
  });
});
