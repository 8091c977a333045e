import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, it } from "vitest";
import { isInspectorOpen } from "./inspector.ts";
import { recover } from "./recover.ts";
import { teachToDrain } from "./teach-to-drain.ts";
import { quickSettings, Stage } from "./testing/stage.ts";

let stage: Stage;
const children: ChildProcess[] = [];

beforeEach(async () => {
  stage = await Stage.make();
});

afterEach(async () => {
  for (const child of children.splice(0)) {
    const ended = child.exitCode ?? child.signalCode ?? once(child, "exit");
    child.kill("SIGKILL");
    await ended;
  }
  await stage.close();
});

/** A worker: Node that runs, and says so. */
async function worker(...options: string[]): Promise<ChildProcess> {
  const program = 'console.log("up"); setInterval(() => {}, 1000);';
  const child = spawn(process.execPath, [...options, "-e", program], { stdio: ["ignore", "pipe", "ignore"] });
  children.push(child);
  await once(child.stdout as NonNullable<ChildProcess["stdout"]>, "data");
  return child;
}

/** A deployer that is killed while the inspector of a worker is open; answers what it has kept. */
async function killedWhileOpen(pid: number): Promise<unknown> {
  const file = join(stage.machine.root, "state.json");
  const teach = fileURLToPath(new URL("./teach-to-drain.ts", import.meta.url));
  const program = `
    import { writeFileSync } from "node:fs";
    import { procProcessTable, systemClock } from "@deployer/core";
    import { teachToDrain } from ${JSON.stringify(teach)};
    globalThis.fetch = () => process.kill(process.pid, "SIGKILL");
    const state = { get: () => undefined, set: (key, value) => writeFileSync(${JSON.stringify(file)}, JSON.stringify([key, value])) };
    const context = { clock: systemClock, signal: new AbortController().signal, processes: procProcessTable, state, warn: console.error };
    await teachToDrain(context, { pid: ${pid} }, "/nonexistent", 1000);`;
  const deployer = spawn(process.execPath, ["--input-type=module", "-e", program], {
    cwd: fileURLToPath(new URL("..", import.meta.url)),
    stdio: ["ignore", "inherit", "inherit"],
  });
  children.push(deployer);
  expect((await once(deployer, "exit"))[1]).toBe("SIGKILL");
  return JSON.parse(await readFile(file, "utf8"));
}

async function recovered(kept: unknown): Promise<void> {
  const context = stage.machine.recoverContext({}, "undo");
  const [key, value] = kept as [string, unknown];
  context.state.set(key, value);
  await recover(context, quickSettings());
}

it("an inspector that a killed take-over has left open is closed by recovery, and the worker runs on", async () => {
  const { pid = 0 } = await worker();
  const kept = await killedWhileOpen(pid);
  expect(await isInspectorOpen()).toBe(true);
  await recovered(kept);
  expect(await isInspectorOpen()).toBe(false);
  expect(await stage.machine.context().processes.identity(pid)).toBeDefined();
});

it("one that somebody else has opened stays open, also when the worker of the dead run still lives", async () => {
  const { pid = 0 } = await worker();
  const kept = ["opened-inspector", await stage.machine.context().processes.identity(pid)];
  await worker("--inspect=127.0.0.1:9229");
  await recovered(kept);
  expect(await isInspectorOpen()).toBe(true);
  const obstacle = await teachToDrain(stage.machine.context(), { pid }, "/nonexistent", 1_000);
  expect(obstacle).toContain("port 9229");
  expect(await isInspectorOpen()).toBe(true);
});

it("an interrupted run closes it itself", async () => {
  const { pid = 0 } = await worker();
  const interruption = new AbortController();
  const context = stage.machine.context(interruption.signal);
  const open = globalThis.fetch;
  globalThis.fetch = () => {
    globalThis.fetch = open;
    interruption.abort(new Error("interrupted by SIGTERM"));
    return Promise.reject(interruption.signal.reason as Error);
  };
  try {
    await expect(teachToDrain(context, { pid }, "/nonexistent", 1_000)).rejects.toThrow("interrupted");
  } finally {
    globalThis.fetch = open;
  }
  expect(await isInspectorOpen()).toBe(false);
  expect(await context.processes.identity(pid)).toBeDefined();
});
