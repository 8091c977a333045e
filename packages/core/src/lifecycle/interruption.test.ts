import { readdirSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { CanUndo } from "../plugin/contexts.ts";
import type { Plugin } from "../plugin/plugin.ts";
import { deployerWith } from "../testing/index.ts";

/** Interrupts the run in one stage, as Ctrl-C does. */
function interruptedIn(stage: string, interruption: AbortController, undone: string[]): Plugin {
  const act =
    (here: string) =>
    async (ctx: object): Promise<void> => {
      (ctx as Partial<CanUndo>).undo?.(
        here,
        ({ signal }) => void undone.push(`${here}, ${signal.aborted ? "aborted" : "in time"}`),
      );
      if (here === stage) interruption.abort(new Error("interrupted by SIGINT"));
    };
  return {
    name: "work",
    prepare: act("prepare"),
    build: act("build"),
    gate: act("gate"),
    migrate: act("migrate"),
    activate: { order: "post", handler: act("activate") },
    cleanup: act("cleanup"),
  };
}

describe.each(["prepare", "build", "gate", "migrate"])("an interruption in %s", (stage) => {
  it("is undone with signals of its own, ends with 130 and holds nothing", async () => {
    const interruption = new AbortController();
    const undone: string[] = [];
    await using app = await deployerWith();
    const good = await app.deployer.check();
    app.remote.push({ more: "" });
    const plugins = [interruptedIn(stage, interruption, undone)];
    const stopped = await app.with({ plugins, options: { signal: interruption.signal } });
    const result = await stopped.deployer.check();
    expect(result).toMatchObject({ outcome: "interrupted", exitCode: 130, error: { code: "ERR_INTERRUPTED" } });
    expect(undone[0]).toBe(`${stage}, in time`);
    expect(undone.at(-1)).toBe("prepare, in time");
    expect(app.current()).toBe(good.release?.id);
    expect(readdirSync(app.paths.releases)).toEqual([good.release?.id]);
    expect(await app.deployer.check()).toMatchObject({ outcome: "deployed" });
  });
});

it("ends the command at work when the run is interrupted", async () => {
  const interruption = new AbortController();
  let aborted: boolean | undefined;
  const waiting: Plugin = {
    name: "waiting",
    async build({ runner, release, env, signal }) {
      const result = await runner.run({
        file: "sh",
        args: ["-c", "echo ready; sleep 300"],
        cwd: release.path,
        env,
        signal,
        onLine: () => interruption.abort(new Error("interrupted by SIGTERM")),
      });
      aborted = result.aborted;
      signal.throwIfAborted();
    },
  };
  await using app = await deployerWith({ plugins: [waiting], options: { signal: interruption.signal } });
  expect(await app.deployer.check()).toMatchObject({ outcome: "interrupted", exitCode: 130 });
  expect(aborted).toBe(true);
});

it("keeps a release that was accepted before the interruption", async () => {
  const interruption = new AbortController();
  const plugins = [interruptedIn("cleanup", interruption, [])];
  await using app = await deployerWith({ plugins, options: { signal: interruption.signal } });
  const result = await app.deployer.check();
  expect(result).toMatchObject({ outcome: "deployed", exitCode: 0 });
  expect(app.current()).toBe(result.release?.id);
});
