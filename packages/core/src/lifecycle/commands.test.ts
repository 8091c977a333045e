import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import type { Plugin } from "../plugin/plugin.ts";
import { type CommandInput, defineCommand, type PluginCommand } from "../plugin/plugin-command.ts";
import { deployerWith, type TestDeployer } from "../testing/index.ts";
import { remoteWith, runInChild, work } from "../testing/run-in-child.ts";
import { saidWords } from "./commands.ts";
import { history } from "./overview.ts";

const INPUT: CommandInput = { args: { name: "ada" }, flags: { loud: true } };

const greet = defineCommand({
  summary: "Greet.",
  args: { name: { summary: "Whom.", required: true } },
  flags: { loud: { summary: "In capitals.", type: "boolean" } },
  run: async ({ args, flags, current, run }) => [
    flags.loud ? args.name.toUpperCase() : args.name,
    current?.id,
    run.kind,
  ],
});

/** Makes a file, then does what it is given. */
function making(then: (signal: AbortSignal) => Promise<unknown> | unknown): PluginCommand {
  return defineCommand({
    summary: "Make a file.",
    changes: true,
    async run({ paths, undo, warn, signal }) {
      const file = join(paths.root, "made");
      undo("remove the file", () => writeFileSync(file, "undone"));
      writeFileSync(file, "made");
      warn("it is made");
      return then(signal);
    },
  });
}

function plugin(command: PluginCommand): Plugin {
  return { name: "tools", commands: { go: command } };
}

const made = (app: TestDeployer): string => readFileSync(join(app.root, "made"), "utf8");
const go = (app: TestDeployer) => app.deployer.change(app.deployer.commands()[0]!, INPUT);

it("a command that only looks gets its arguments, its flags and the current release, and leaves no run", async () => {
  await using app = await deployerWith({ plugins: [plugin(greet)] });
  const { release } = await app.deployer.check();
  const [found] = app.deployer.commands();
  expect(found).toMatchObject({ topic: "tools", name: "go", plugin: "tools" });
  expect(await app.deployer.inspect(found!, INPUT)).toEqual(["ADA", release?.id, "inspect"]);
  expect(history(app.resolved.config, 9)).toHaveLength(1);
});

it("one that only looks has what it made undone when it fails", async () => {
  const failing = making(() => Promise.reject(new Error("no")));
  await using app = await deployerWith({ plugins: [plugin(failing)] });
  await expect(app.deployer.inspect(app.deployer.commands()[0]!, INPUT)).rejects.toThrow("no");
  expect(made(app)).toBe("undone");
});

it("a command that changes something is a run: with a result, a log, a line in history and its warnings", async () => {
  await using app = await deployerWith({ plugins: [plugin(making(() => ({ text: "made", n: 1 })))] });
  const { release } = await app.deployer.check();
  const result = await go(app);
  expect(result).toMatchObject({
    ...{ outcome: "done", exitCode: 0, answer: { text: "made", n: 1 }, warnings: ["it is made"] },
    ...{ release, previous: release, error: null },
  });
  expect(readFileSync(result.log as string, "utf8")).toMatch(
    /\(command\) of shop[\s\S]*warning: it is made[\s\S]*done \(exit 0\)/,
  );
  expect(history(app.resolved.config, 1)).toMatchObject([
    { kind: "command", reason: "tools go ada --loud", result: { outcome: "done" } },
  ]);
  expect([made(app), app.current()]).toEqual(["made", release?.id]);
});

it("one that fails is undone, and what was served still is", async () => {
  await using app = await deployerWith({ plugins: [plugin(making(() => Promise.reject(new Error("no"))))] });
  await app.deployer.check();
  expect(await go(app)).toMatchObject({
    outcome: "failed",
    exitCode: 4,
    error: { code: "ERR_PLUGIN_FAILED" },
    answer: null,
  });
  expect(made(app)).toBe("undone");
});

it("one that is interrupted is undone: exit 130", async () => {
  const interruption = new AbortController();
  const waiting = making((signal) => {
    interruption.abort(new Error("interrupted by SIGTERM"));
    signal.throwIfAborted();
  });
  await using app = await deployerWith({ plugins: [plugin(waiting)], options: { signal: interruption.signal } });
  expect(await go(app)).toMatchObject({ outcome: "interrupted", exitCode: 130 });
  expect(made(app)).toBe("undone");
});

it("one whose answer is no JSON fails and is undone: history could not be written", async () => {
  await using app = await deployerWith({ plugins: [plugin(making(() => ({ n: 1n })))] });
  expect(await go(app)).toMatchObject({ outcome: "failed" });
  expect(made(app)).toBe("undone");
});

it("history keeps no secret that stood on its command line", () => {
  const flags = { token: "t0ps3cret", to: "ada", loud: true, quietly: false, other: undefined };
  expect(saidWords({ args: { one: "a", rest: ["b", "c"], left: undefined }, flags })).toEqual([
    "a",
    "b",
    "c",
    "--token=[redacted]",
    "--to=ada",
    "--loud",
  ]);
});

it("finds the lock held by another run: exit 3", async () => {
  let inner: unknown;
  let app: TestDeployer | undefined;
  const nested = making(async () => {
    inner = await go(app!);
  });
  app = await deployerWith({ plugins: [plugin(nested)] });
  await using _app = app;
  expect(await go(app)).toMatchObject({ exitCode: 0 });
  expect(inner).toMatchObject({ outcome: "locked", exitCode: 3 });
});

it.each([
  [undefined, "interrupted", "undone"],
  ["completed", "done", "finished"],
] as const)(
  "one that died is settled by the next run; when its plugin says %s it ends as %s",
  async (says, outcome, how) => {
    await using app = await deployerWith({ remote: remoteWith(1), plugins: [work({})] });
    const { release } = await app.deployer.check();
    const { signal } = await runInChild(app.root, 1, "command", { dieIn: "command", ...(says && { completes: true }) })
      .ended;
    expect(signal).toBe("SIGKILL");
    expect(existsSync(join(app.root, "recovered"))).toBe(false);
    const result = await app.deployer.check();
    expect(result).toMatchObject({ outcome: "up-to-date", exitCode: 0, release, recovered: { outcome: how } });
    expect(history(app.resolved.config, 1)).toMatchObject([
      { kind: "command", reason: "work go", result: { outcome } },
    ]);
    expect(app.reporter.of("info").map(({ text }) => text)).toContainEqual(
      expect.stringMatching(/^Run \S+ died in `work go`; settling/),
    );
  },
);
