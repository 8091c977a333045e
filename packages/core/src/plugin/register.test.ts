import { describe, expect, it } from "vitest";
import { createHooks, type Hooks } from "../lifecycle/hooks.ts";
import type { Plugin } from "./plugin.ts";
import { registerPlugins } from "./register.ts";

function registered(plugins: readonly Plugin[], steps: string[] = []): Hooks {
  const hooks = createHooks();
  registerPlugins(hooks, plugins, async () => void steps.push("switch"));
  return hooks;
}

/** Calls a handler as a run does, without the run. */
const call = {
  step: (_plugin: string, _step: string, handler: (context: never) => unknown) => handler({} as never),
} as never;

function problems(...plugins: object[]): string[] {
  try {
    registered(plugins as Plugin[]);
    return [];
  } catch (error) {
    const { code, details } = error as { code: string; details: { problems: { option: string; problem: string }[] } };
    expect(code).toBe("ERR_CONFIG");
    return details.problems.map(({ option, problem }) => `${option}: ${problem}`);
  }
}

describe("registering plugins", () => {
  it("awaits an async handler before the next one runs", async () => {
    const steps: string[] = [];
    const slow: Plugin = {
      name: "slow",
      async build() {
        await new Promise((resolve) => setImmediate(resolve));
        steps.push("slow is done");
      },
    };
    await registered([slow, { name: "next", build: async () => void steps.push("next") }]).build.promise(call);
    expect(steps).toEqual(["slow is done", "next"]);
  });

  it("hears of an async handler that fails", async () => {
    const failing: Plugin = {
      name: "failing",
      async gate() {
        await new Promise((resolve) => setImmediate(resolve));
        throw new Error("503");
      },
    };
    await expect(registered([failing]).gate.promise(call)).rejects.toThrow("503");
  });

  it("puts core's switch between what comes before it and what comes after it", async () => {
    const steps: string[] = [];
    const acting = (name: string, order: "pre" | "post"): Plugin => ({
      name,
      activate: { order, handler: async () => void steps.push(`${name} ${order}`) },
    });
    const plugins = [acting("a", "post"), acting("b", "pre"), acting("c", "post"), acting("d", "pre")];
    await registered(plugins, steps).activate.promise(call);
    expect(steps).toEqual(["b pre", "d pre", "switch", "a post", "c post"]);
  });

  it("passes the list of shared paths from one plugin to the next", async () => {
    const sharing = (name: string): Plugin => ({
      name,
      link: async (paths) => [...paths, { path: name, kind: "file" }],
    });
    const paths = await registered([sharing("a"), sharing("b")]).link.promise([], call);
    expect(paths.map(({ path }) => path)).toEqual(["a", "b"]);
  });

  it("lets a plugin use `this`", async () => {
    const steps: string[] = [];
    const own = {
      name: "own",
      async build(this: { name: string }) {
        steps.push(this.name);
      },
    };
    await registered([own as Plugin]).build.promise(call);
    expect(steps).toEqual(["own"]);
  });

  it("names a step after its plugin, unless it has a name of its own", () => {
    const handler = async (): Promise<void> => undefined;
    const hooks = registered([{ name: "node", build: [{ step: "install", handler }, { handler }] }]);
    expect(hooks.build.taps.map(({ name }) => name)).toEqual(["install", "node"]);
  });

  it("refuses a member that is no stage", () => {
    expect(problems({ name: "typo", biuld: async () => undefined })).toEqual([
      expect.stringContaining('plugins (typo): "biuld" is no stage; there are detect, prepare'),
    ]);
  });

  it("refuses an activate that does not say where it stands", () => {
    expect(problems({ name: "vague", activate: async () => undefined })).toEqual([
      'plugins (vague): its activate must say order: "pre" or "post"',
    ]);
  });

  it("tells every problem at once: unknown members, unknown neighbours and circles, with the stage", () => {
    const handler = async (): Promise<void> => undefined;
    const found = problems(
      { name: "a", build: { before: "nobody", handler }, gate: { before: "b", handler }, deploy: handler },
      { name: "b", gate: { before: "a", handler }, activate: handler },
    );
    expect(found).toEqual([
      expect.stringContaining('plugins (a): "deploy" is no stage'),
      expect.stringContaining('plugins (build): "a" wants a place beside "nobody"'),
      expect.stringContaining("plugins (gate): the places of"),
      expect.stringContaining("plugins (b): its activate must say order"),
    ]);
  });
});
