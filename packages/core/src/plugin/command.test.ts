import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { procProcessTable } from "../ports/proc-process-table.ts";
import { deployerWith } from "../testing/index.ts";
import { command } from "./command.ts";

it("a command of the config runs in the release, in the stage and place it names", async () => {
  const run = ["sh", "-c", 'echo "$(readlink ../../current || echo none), $DEPLOYER_REVISION." >> ../../said'] as const;
  await using app = await deployerWith({
    plugins: [
      command({ name: "after", stage: "activate", run }),
      command({ name: "before", stage: "activate", order: "pre", run }),
      command({ name: "building", stage: "build", run }),
    ],
  });
  const { release } = await app.deployer.check();
  expect(readFileSync(join(app.root, "said"), "utf8").trimEnd().split("\n")).toEqual([
    `none, ${release?.revision}.`,
    "none, .",
    `releases/${release?.id}, .`,
  ]);
});

it("is named after its program and keeps its output in the log", async () => {
  await using app = await deployerWith({ plugins: [command({ stage: "build", run: ["echo", "hello"] })] });
  const { log } = await app.deployer.check();
  expect(app.reporter.steps()).toContain("build/echo");
  expect(readFileSync(log as string, "utf8")).toContain("build/echo | hello");
});

it("that fails fails the run, with its exit code and last 20 lines", async () => {
  const run = ["sh", "-c", "seq 1 50; echo oh no >&2; exit 3"] as const;
  await using app = await deployerWith({ plugins: [command({ stage: "gate", run })] });
  const { error, exitCode } = await app.deployer.check();
  expect(exitCode).toBe(4);
  expect(error).toMatchObject({ code: "ERR_COMMAND_FAILED", details: { exitCode: 3, signal: null } });
  expect(error?.details.tail).toHaveLength(20);
  expect(error?.message).toContain("ended with exit code 3.");
  expect(error?.message).toContain("\n  50");
  expect(error?.message).toContain("\n  oh no");
});

it("past its time limit is ended with everything it had started", async () => {
  const run = ["sh", "-c", "sleep 300 & echo $! > ../../pid; wait"] as const;
  await using app = await deployerWith({ plugins: [command({ stage: "build", run, timeoutMs: 300 })] });
  const { error } = await app.deployer.check();
  expect(error).toMatchObject({ code: "ERR_COMMAND_TIMEOUT", message: expect.stringContaining("after 0.3 s") });
  const pid = Number(readFileSync(join(app.root, "pid"), "utf8"));
  expect(await procProcessTable.identity(pid)).toBeUndefined();
});

it("whose program is missing says where it was looked for, and holds nothing", async () => {
  await using app = await deployerWith({ plugins: [command({ stage: "build", run: ["no-such-program"] })] });
  const first = await app.deployer.check();
  expect(first).toMatchObject({ exitCode: 2, error: { code: "ERR_COMMAND_MISSING" } });
  expect(first.error?.message).toContain("PATH: ");
  expect(await app.deployer.check()).toMatchObject({ exitCode: 2 });
});

it("passes no word through a shell", async () => {
  const run = ["echo", "$(touch ../../pwned)", ";", "touch", "../../pwned"] as const;
  await using app = await deployerWith({ plugins: [command({ stage: "build", run })] });
  writeFileSync(join(app.root, "here"), "");
  await app.deployer.check();
  expect(() => readFileSync(join(app.root, "pwned"))).toThrow("ENOENT");
});
