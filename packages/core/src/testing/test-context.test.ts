import { existsSync } from "node:fs";
import { expect, it } from "vitest";
import { deployerWith, scriptedRunner, temporaryDirectory, temporaryRoot, testContext } from "./index.ts";

it("a temporary folder is gone when its block ends", async () => {
  let path: string;
  {
    await using folder = temporaryDirectory();
    path = folder.path;
    expect(existsSync(path)).toBe(true);
  }
  expect(existsSync(path)).toBe(false);
});

it("a handler's context keeps what it said, what it stored and what it would undo", async () => {
  await using root = temporaryRoot();
  const ctx = testContext(root.path, { directory: "apps/web" });
  ctx.info("i");
  ctx.warn("w");
  ctx.output("o");
  ctx.undo("kept", () => undefined);
  ctx.undo("dropped", () => undefined).drop();
  ctx.state.set("key", [1], "r1");
  expect([ctx.infos, ctx.warnings, ctx.outputs]).toEqual([["i"], ["w"], ["o"]]);
  expect(ctx.undos.map(({ label }) => label)).toEqual(["kept"]);
  expect(ctx.state.get("key", "r1")).toEqual([1]);
  expect(ctx.config.directory).toBe("apps/web");
  expect(ctx.env.DEPLOYER_RUN).toBe(ctx.run.id);
});

it("a deployer takes plugins as objects and a scripted runner for their programs", async () => {
  const runner = scriptedRunner(({ file }) => (file === "npm" ? { stdout: "installed" } : { exitCode: 1 }));
  await using app = await deployerWith({
    options: { ports: { runner } },
    plugins: [
      {
        name: "mine",
        async build(ctx) {
          await ctx.runner.run({
            file: "npm",
            args: ["ci"],
            cwd: ctx.release.appPath,
            env: ctx.env,
            onLine: ctx.output,
          });
        },
      },
    ],
  });
  expect(await app.deployer.check()).toMatchObject({ outcome: "deployed" });
  expect(runner.lines()).toEqual(["npm ci"]);
  expect(app.reporter.of("step:output").map(({ line }) => line)).toEqual(["installed"]);
});

it("a deployer's root goes with it, also when its config is refused", async () => {
  const app = await deployerWith();
  await app.remove();
  expect(existsSync(app.root)).toBe(false);
  await expect(deployerWith({ config: { keepReleases: 0 } })).rejects.toMatchObject({ code: "ERR_CONFIG" });
});
