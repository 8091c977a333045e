import { closeSync, openSync, unlinkSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { temporaryDirectory } from "../testing/index.ts";
import { nodeProcessRunner } from "./node-process-runner.ts";
import { procProcessTable as table } from "./proc-process-table.ts";
import type { RunningProcess } from "./process-runner.ts";

function sleeper(over: { cwd?: string; env?: Record<string, string> } = {}): RunningProcess & { pid: number } {
  const running = nodeProcessRunner.start({
    file: "sleep",
    args: ["300"],
    cwd: over.cwd ?? "/",
    env: { PATH: process.env.PATH!, ...over.env },
  });
  return running as RunningProcess & { pid: number };
}

describe("the process table", () => {
  it("knows a process by pid, start and boot, and finds it alive until it has ended", async () => {
    const child = sleeper();
    const identity = (await table.identity(child.pid))!;
    expect(identity).toMatchObject({ pid: child.pid });
    expect(await table.pids()).toContain(child.pid);
    expect(await table.isAlive(identity)).toBe(true);
    await child.end();
    expect(await table.isAlive(identity)).toBe(false);
    expect(await table.identity(child.pid)).toBeUndefined();
  });

  it("does not take another process of the same pid for it, nor one of another boot", async () => {
    const identity = (await table.identity(process.pid))!;
    expect(await table.isAlive(identity)).toBe(true);
    expect(await table.isAlive({ ...identity, startTime: "1" })).toBe(false);
    expect(await table.isAlive({ ...identity, bootId: "another" })).toBe(false);
  });

  it("takes no zombie for alive", async () => {
    // The shell replaces itself by one that never waits for the child that ends.
    const parent = nodeProcessRunner.start({
      file: "sh",
      args: ["-c", "sleep 0 & echo $!; exec sleep 300"],
      cwd: "/",
      env: { PATH: process.env.PATH! },
    });
    try {
      await expect.poll(() => parent.tail().length).toBe(1);
      const pid = Number(parent.tail()[0]);
      await expect.poll(() => table.identity(pid)).toBeUndefined();
      expect(await table.pids()).toContain(pid);
    } finally {
      await parent.end();
    }
  });

  it("sees working directory, environment and children", async () => {
    await using folder = temporaryDirectory();
    const child = sleeper({ cwd: folder.path, env: { MARK: "a=b" } });
    try {
      await expect.poll(() => table.workingDirectory(child.pid)).toBe(folder.path);
      expect(await table.environment(child.pid)).toEqual({ PATH: process.env.PATH, MARK: "a=b" });
      expect(await table.children(process.pid)).toContain(child.pid);
    } finally {
      await child.end();
    }
  });

  it("sees open files by device and inode, also when their names are gone", async () => {
    await using folder = temporaryDirectory();
    const path = join(folder.path, "open.db");
    const file = openSync(path, "w");
    try {
      const find = async () => (await table.openFiles(process.pid)).find((open) => open.path.startsWith(path));
      const found = await find();
      expect(found).toMatchObject({ path });
      unlinkSync(path);
      expect(await find()).toEqual({ ...found, path: `${path} (deleted)` });
    } finally {
      closeSync(file);
    }
  });

  it("answers nothing about a process that is not there, and sends it no signal", async () => {
    const pid = 2 ** 22 + 1; // beyond the kernel's largest
    expect(await table.identity(pid)).toBeUndefined();
    expect(await table.workingDirectory(pid)).toBeUndefined();
    expect(await table.environment(pid)).toBeUndefined();
    expect(await table.openFiles(pid)).toEqual([]);
    expect(await table.children(pid)).toEqual([]);
    expect(() => table.signal(pid, "SIGKILL")).not.toThrow();
  });
});
