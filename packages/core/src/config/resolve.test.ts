import { describe, expect, it, vi } from "vitest";
import { z } from "zod";
import { definePlugin, type PluginFactory } from "../plugin/define-plugin.ts";
import type { Plugin } from "../plugin/plugin.ts";
import type { ConfigProblem } from "./config-error.ts";
import { type ResolvedConfig, resolveConfig } from "./resolve.ts";

interface DemoOptions {
  readonly port: number;
  readonly hook?: () => void;
}

const made = vi.fn();
const demo: PluginFactory<DemoOptions> = definePlugin<DemoOptions>(
  (options): Plugin => {
    made(options);
    return { name: "demo" };
  },
  z.strictObject({
    port: z.int({ error: "expected a port" }).default(80),
    hook: z.any().optional(),
  }) as z.ZodType<DemoOptions>,
);
const other = definePlugin((): Plugin => ({ name: "other" }));

const modules: Record<string, unknown> = {
  "@deployer/plugin-demo": { default: demo },
  "./not-a-plugin.js": { default: () => 1 },
  "./empty.js": {},
};

function resolve(input: unknown, folder = "/srv/shop"): Promise<ResolvedConfig> {
  return resolveConfig(input, {
    folder,
    importPlugin: async (specifier) => {
      if (specifier in modules) return modules[specifier];
      throw new Error(`Cannot find package '${specifier}'\nRequire stack: …`);
    },
  });
}

/** The problems of a config, as "option: problem". */
async function problems(input: unknown): Promise<string[]> {
  const error = await resolve(input).then(
    () => undefined,
    (thrown: { code: string; exitCode: number; details: { problems: ConfigProblem[] } }) => thrown,
  );
  if (error === undefined) return [];
  expect(error).toMatchObject({ code: "ERR_CONFIG", exitCode: 2 });
  return error.details.problems.map(({ option, problem }) => `${option}: ${problem}`);
}

const GOOD = { app: "shop", plugins: [other()] };

describe("a config", () => {
  it("is filled in with defaults", async () => {
    const { config, plugins, env } = await resolve(GOOD);
    expect(config).toEqual({
      app: "shop",
      environment: null,
      root: "/srv/shop",
      directory: ".",
      shared: [],
      keepReleases: 5,
      keepFailed: 0,
      copies: { maxBytes: 4 * 2 ** 30 },
    });
    expect(plugins.map(({ name }) => name)).toEqual(["other"]);
    expect(env).toEqual([]);
  });

  it("understands what is written", async () => {
    const { config } = await resolve({
      ...GOOD,
      root: "../blog",
      directory: "apps/web/",
      shared: ["data/"],
      keepReleases: 2,
      copies: { maxBytes: "1 GiB" },
    });
    expect(config).toMatchObject({
      root: "/srv/blog",
      directory: "apps/web",
      shared: [{ path: "data", kind: "directory" }],
      keepReleases: 2,
      copies: { maxBytes: 2 ** 30 },
    });
    expect((await resolve({ ...GOOD, copies: false })).config.copies).toBe(false);
  });

  it("tells every problem at once, each with its path and the accepted form", async () => {
    const found = await problems({
      app: "my shop",
      keepReleases: 0,
      shared: [".env", "/etc/passwd", "../up", { path: "x", mayBemissing: true }],
      copies: { maxBytes: "lots" },
      env: ["OK", "not ok"],
      keepRelaeses: 3,
      plugins: [demo({ port: "80" as never }), 5],
    });
    expect(found.map((text) => text.split(":")[0]).sort()).toEqual(
      [
        "app",
        "keepReleases",
        "shared[1]",
        "shared[2]",
        "shared[3].mayBemissing",
        "copies.maxBytes",
        "env[1]",
        "keepRelaeses",
        "plugins[0].port",
        "plugins[1]",
      ].sort(),
    );
    expect(found).toContain("app: expected letters, digits, dot, dash and underscore");
    expect(found).toContain("keepRelaeses: no such option");
    expect(found).toContain("plugins[0].port: expected a port");
  });

  it("has a root of its own, not the machine's", async () => {
    expect(await problems({ ...GOOD, root: "/" })).toEqual(["root: expected a folder of the site's own, not /"]);
  });

  it("tells a wrong option by the plugin's name where its factory knows it", async () => {
    const named = definePlugin((): Plugin => ({ name: "named" }), z.strictObject({ port: z.int() }), "named");
    expect(await problems({ ...GOOD, plugins: [other(), named({ port: 1.5 })] })).toEqual([
      expect.stringMatching(/^named\.port: /),
    ]);
  });

  it("names the accepted forms of an option that has several, and what is wrong with the one that was meant", async () => {
    const health = z.union([z.string(), z.strictObject({ path: z.string() }), z.strictObject({ tcp: z.int() })]);
    const served = definePlugin(
      (): Plugin => ({ name: "served" }),
      z.strictObject({ health: health.optional(), gate: z.union([z.literal(false), z.strictObject({})]).optional() }),
      "served",
    );
    const wrong = (options: unknown): Promise<string[]> =>
      problems({ ...GOOD, plugins: [other(), served(options as never)] });
    expect(await wrong({ health: 5 })).toEqual(["served.health: expected string or object"]);
    expect(await wrong({ gate: true })).toEqual(["served.gate: expected false or object"]);
    expect(await wrong({ health: { tcp: "x" } })).toEqual([expect.stringMatching(/^served\.health\.tcp: .*number/)]);
    expect(await wrong({ health: { path: "/", url: "" } })).toEqual(["served.health.url: no such option"]);
  });

  it("tells overlapping shared paths beside other problems", async () => {
    const found = await problems({ app: "my shop", shared: ["data/", "data/core.db"], plugins: [other()] });
    expect(found.map((text) => text.split(":")[0])).toEqual(["app", "shared[1]"]);
  });

  it.each([
    ["apps", "several apps in one config are planned"],
    ["lock", "planned"],
    ["runAs", "planned"],
    ["supersede", "planned"],
  ])("says of the reserved option %s that it is not there yet", async (name, text) => {
    expect(await problems({ ...GOOD, [name]: {} })).toEqual([expect.stringContaining(`${name}: ${text}`)]);
  });

  it.each([[undefined], [null], ["shop"], [42], [[]]])("that is %j is refused, not a defect", async (input) => {
    expect((await problems(input)).length).toBeGreaterThan(0);
  });

  it.each([
    [{ app: "shop" }, "plugins: expected a list"],
    [{ app: "shop", plugins: [] }, "plugins: expected at least one plugin"],
    [{ ...GOOD, root: "" }, "root: expected a path"],
    [{ ...GOOD, directory: "/abs" }, "directory: "],
    [{ ...GOOD, directory: "a/../.." }, "directory: "],
    [{ ...GOOD, keepReleases: 2.5 }, "keepReleases: expected a whole number of at least 1"],
    [{ ...GOOD, shared: "data/" }, "shared: expected a list"],
  ])("refuses %j", async (input, problem) => {
    expect(await problems(input)).toEqual([expect.stringContaining(problem)]);
  });
});

describe("plugins of a config", () => {
  it("are made of options that passed, with their defaults filled in", async () => {
    made.mockClear();
    await resolve({ ...GOOD, plugins: [demo({} as DemoOptions)] });
    expect(made.mock.calls).toEqual([[{ port: 80 }]]);
  });

  it("are not made of options that did not pass", async () => {
    made.mockClear();
    expect(await problems({ ...GOOD, plugins: [demo({ port: "x" as never })] })).toHaveLength(1);
    expect(made).not.toHaveBeenCalled();
  });

  it("may refuse their options themselves", async () => {
    const picky = definePlugin((): Plugin => {
      throw new Error("a and b exclude each other\n    at stack");
    });
    expect(await problems({ ...GOOD, plugins: [picky()] })).toEqual(["plugins[0]: a and b exclude each other"]);
  });

  it("are registered when the config is read, so that it is not accepted where a run would refuse it", async () => {
    const odd = definePlugin(() => ({ name: "odd", biuld: async () => {} }) as unknown as Plugin);
    const late = definePlugin(() => ({ name: "late", build: { after: "nobody", handler: async () => {} } }) as Plugin);
    expect(await problems({ ...GOOD, plugins: [odd(), late()] })).toEqual([
      expect.stringContaining('plugins (odd): "biuld" is no stage'),
      expect.stringContaining("nobody"),
    ]);
  });

  it("have names of their own", async () => {
    expect(await problems({ ...GOOD, plugins: [other(), demo({ port: 1 }), other()] })).toEqual([
      expect.stringContaining("plugins (other): there are two plugins of this name"),
    ]);
  });

  it("in text are named by module, with or without options", async () => {
    made.mockClear();
    const name = "@deployer/plugin-demo";
    const { pluginOptions } = await resolve({ ...GOOD, plugins: [[name, { port: 8080 }]] });
    expect(pluginOptions).toEqual([{ name: "demo", options: { port: 8080 } }]);
    await resolve({ ...GOOD, plugins: [name] });
    await resolve({ ...GOOD, plugins: [[name]] });
    expect(made.mock.calls).toEqual([[{ port: 8080 }], [{ port: 80 }], [{ port: 80 }]]);
  });

  it("in text have their options checked with paths, too", async () => {
    expect(await problems({ ...GOOD, plugins: [["@deployer/plugin-demo", { prot: 1 }]] })).toEqual([
      "plugins[0].prot: no such option",
    ]);
  });

  it.each([
    [
      "a module that is not there",
      ["nothing"],
      /cannot be loaded \(Cannot find package 'nothing'\); is it installed\?/,
    ],
    ["a module whose default export is something else", ["./not-a-plugin.js"], /is no plugin/],
    ["a module without a default export", "./empty.js", /is no plugin/],
    ["a factory that was not called", demo, /call the factory: git\(\{ … \}\)/],
    ["an object of another kind", { name: "demo" }, /expected what a plugin's factory returns/],
  ])("are refused as %s", async (_title, entry, problem) => {
    expect(await problems({ ...GOOD, plugins: [entry] })).toEqual([expect.stringMatching(problem)]);
  });
});

describe("the hash of a config", () => {
  it("changes with anything in it, and with nothing else", async () => {
    const hash = async (over: object): Promise<string> =>
      (await resolve({ ...GOOD, plugins: [demo({ port: 1 })], ...over })).hash;
    const first = await hash({});
    expect(await hash({})).toBe(first);
    for (const over of [{ keepReleases: 6 }, { env: ["A"] }, { shared: [".env"] }, { plugins: [demo({ port: 2 })] }])
      expect(await hash(over)).not.toBe(first);
  });
});

describe("remaking a plugin", () => {
  it("uses the options that were stored, and today's plugin when they are the same", async () => {
    const resolved = await resolve({ ...GOOD, plugins: [demo({ port: 1 })] });
    made.mockClear();
    expect(resolved.remake("demo", { port: 1 })).toBe(resolved.plugins[0]);
    expect(made).not.toHaveBeenCalled();
    expect(resolved.remake("demo", { port: 2 })).not.toBe(resolved.plugins[0]);
    expect(made.mock.calls).toEqual([[{ port: 2 }]]);
  });

  it("answers nothing for a plugin that the config no longer has", async () => {
    expect((await resolve(GOOD)).remake("demo", {})).toBeUndefined();
  });

  it("takes today's plugin when the stored options no longer pass", async () => {
    const resolved = await resolve({ ...GOOD, plugins: [demo({ port: 1 })] });
    expect(resolved.remake("demo", { renamed: true })).toBe(resolved.plugins[0]);
  });

  it("stores functions by a mark: they come from today's config", async () => {
    const { pluginOptions } = await resolve({ ...GOOD, plugins: [demo({ port: 1, hook: () => undefined })] });
    expect(pluginOptions).toEqual([{ name: "demo", options: { port: 1, hook: "[function]" } }]);
  });
});
