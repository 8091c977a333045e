import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { scriptedRunner, temporaryDirectory } from "../testing/index.ts";
import { nodeProcessRunner } from "./node-process-runner.ts";
import { procProcessTable } from "./proc-process-table.ts";
import type { Command, CommandResult, ProcessRunner } from "./process-runner.ts";

const env = { PATH: process.env.PATH as string };

function sh(script: string, over: Partial<Command> = {}): Command {
  return { file: "sh", args: ["-c", script], cwd: "/", env, ...over };
}

function run(script: string, over: Partial<Command> = {}): Promise<CommandResult> {
  return nodeProcessRunner.run(sh(script, over));
}

const alive = (pid: number): Promise<unknown> => procProcessTable.identity(pid);

// The contract: a real program and a script that says the same.
const SUBJECTS: [string, ProcessRunner][] = [
  ["real", nodeProcessRunner],
  [
    "scripted",
    scriptedRunner(({ args }) => {
      const script = args?.[1] ?? "";
      if (script.startsWith("echo")) return { stdout: "out", stderr: "err" };
      if (script.startsWith("exit")) return { exitCode: 3 };
      if (script.startsWith("kill")) return { exitSignal: "SIGKILL" };
      return { missing: true };
    }),
  ],
];

describe.each(SUBJECTS)("the contract of a process runner: %s", (_name, runner) => {
  it("answers how a program ended and what it said, and passes on each line", async () => {
    const lines: string[] = [];
    const result = await runner.run(sh("echo out; echo err >&2", { onLine: (line) => void lines.push(line) }));
    expect(result).toMatchObject({ ok: true, exitCode: 0, exitSignal: null, stdout: "out", stderr: "err" });
    expect(result).toMatchObject({ timedOut: false, aborted: false, missing: false });
    expect(lines.toSorted()).toEqual(["err", "out"]);
    expect(result.tail.toSorted()).toEqual(["err", "out"]);
  });

  it("never rejects: a failure is an answer", async () => {
    expect(await runner.run(sh("exit 3"))).toMatchObject({ ok: false, exitCode: 3 });
    expect(await runner.run(sh("kill -9 $$"))).toMatchObject({ ok: false, exitCode: null, exitSignal: "SIGKILL" });
    const missing = { file: "no-such-program", cwd: "/", env };
    expect(await runner.run(missing)).toMatchObject({ ok: false, exitCode: null, missing: true });
  });

  it("starts a program and answers its end", async () => {
    expect(await runner.start(sh("exit 3")).exited).toMatchObject({ ok: false, exitCode: 3 });
  });
});

describe("a real program", () => {
  it("sees the environment it is given and nothing else", async () => {
    const { stdout } = await run("env", { env: { ...env, ONLY: "this" } });
    const names = stdout.split("\n").map((line) => line.split("=")[0]);
    expect(names.filter((name) => !["_", "PWD", "SHLVL", "OLDPWD"].includes(name as string)).sort()).toEqual([
      "ONLY",
      "PATH",
    ]);
  });

  it("gets its arguments as they are, through no shell", async () => {
    const { stdout } = await nodeProcessRunner.run({
      file: "printf",
      args: ["%s|", "$HOME", "a b", "*"],
      cwd: "/",
      env,
    });
    expect(stdout).toBe("$HOME|a b|*|");
  });

  it("reads what it is given, and finds the end of input otherwise", async () => {
    expect((await run("cat", { input: "hello" })).stdout).toBe("hello");
    expect((await run("cat")).ok).toBe(true);
  });

  it("leaves its last 20 lines of both streams in its tail", async () => {
    const { tail, stdout } = await run("seq 1 100; echo last >&2");
    expect(tail).toHaveLength(20);
    expect(tail).toContain("100");
    expect(stdout.split("\n")).toHaveLength(100);
  });

  it("may say more than fits any buffer", async () => {
    const { ok, tail, stdout } = await run("yes 0123456789012345678901234567890123456789 | head -n 500000; echo done");
    expect(ok).toBe(true);
    expect(tail.at(-1)).toBe("done");
    expect(stdout.length).toBeLessThan(17_000_000);
  });

  it("may say a line without end: what is held of it is bounded, and it is told as cut", async () => {
    const before = process.memoryUsage().rss;
    let most = 0;
    const watch = setInterval(() => {
      most = Math.max(most, process.memoryUsage().rss);
    }, 20);
    const heard: string[] = [];
    const { ok, stdout, tail } = await run("head -c 300000000 /dev/zero | tr '\\0' x; echo; echo done", {
      onLine: (line) => heard.push(line),
    });
    clearInterval(watch);
    expect(ok).toBe(true);
    expect(heard.map((line) => line.slice(-20))).toEqual(["xx … [line cut here]", "done"]);
    expect(tail.map(({ length }) => length < 20_000)).toEqual([true, true]);
    expect(stdout.length).toBeLessThan(17_000_000);
    expect(most - before).toBeLessThan(200_000_000);
  });

  it("is heard in whole characters and lines, however its output is cut in pieces", async () => {
    const heard: string[] = [];
    await run("printf '\\303'; sleep 0.1; printf '\\244a\\r\\n\\nb'; sleep 0.1; printf 'c'", {
      onLine: (line) => heard.push(line),
    });
    expect(heard).toEqual(["äa", "", "bc"]);
  });

  it("is ended past its time limit together with what it has started", async () => {
    const result = await run("sleep 300 & echo $!; sleep 300 & echo $!; wait", { timeoutMs: 200 });
    expect(result).toMatchObject({ ok: false, timedOut: true, aborted: false });
    const pids = result.stdout.split("\n").map(Number);
    expect(pids).toHaveLength(2);
    for (const pid of pids) expect(await alive(pid)).toBeUndefined();
  });

  it("that ignores SIGTERM is killed after the grace", async () => {
    const running = nodeProcessRunner.start(
      sh("trap '' TERM; (trap '' TERM; sleep 300) & echo $!; while :; do sleep 1; done"),
    );
    await expect.poll(() => running.tail().length).toBe(1);
    const result = await running.end(100);
    expect(result).toMatchObject({ ok: false, exitSignal: "SIGKILL" });
    await expect.poll(() => alive(Number(result.stdout))).toBeUndefined();
  });

  it("is ended when its signal is aborted, also before it has begun", async () => {
    const abort = new AbortController();
    const ending = run("echo ready; sleep 300", { signal: abort.signal, onLine: () => abort.abort() });
    expect(await ending).toMatchObject({ ok: false, aborted: true, timedOut: false });
    expect(await run("sleep 300", { signal: abort.signal })).toMatchObject({ ok: false, aborted: true });
  });

  it("that leaves a daemon with its output open is not waited for", async () => {
    const result = await run("setsid sleep 300 & echo $!", { timeoutMs: 60_000 });
    expect(result).toMatchObject({ ok: true, timedOut: false });
    expect(result.milliseconds).toBeLessThan(15_000);
    process.kill(Number(result.stdout), "SIGKILL");
  });

  it("leads a process group of its own, so that Ctrl-C reaches the deployer only", async () => {
    const { stdout } = await run("ps -o pgid= -p $$; echo $$");
    const [group, pid] = stdout.split("\n").map(Number);
    expect(group).toBe(pid);
  });

  it("may be ended after its end", async () => {
    const running = nodeProcessRunner.start(sh("exit 0"));
    await running.exited;
    expect(await running.end()).toMatchObject({ ok: true });
  });

  it("counts as missing when its folder is", async () => {
    expect(await run("true", { cwd: "/no/such/folder" })).toMatchObject({ ok: false, missing: true });
  });

  it("is found on the PATH that it is given, not on the deployer's", async () => {
    await using folder = temporaryDirectory();
    mkdirSync(join(folder.path, "bin"));
    const result = await nodeProcessRunner.run({ file: "git", cwd: "/", env: { PATH: join(folder.path, "bin") } });
    expect(result.missing).toBe(true);
  });
});
