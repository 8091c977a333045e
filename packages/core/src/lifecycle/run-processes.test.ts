import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { expect, it } from "vitest";
import { nodeProcessRunner } from "../ports/node-process-runner.ts";
import { procProcessTable } from "../ports/proc-process-table.ts";
import { systemClock } from "../ports/system-clock.ts";
import { manualClock } from "../testing/index.ts";
import { runMark } from "./run-mark.ts";
import { endRunProcesses } from "./run-processes.ts";

/** Starts `sleep` in a session of its own, as a daemon does; answers its pid. */
async function daemon(run: string): Promise<number> {
  const { stdout } = await nodeProcessRunner.run({
    file: "sh",
    args: ["-c", "setsid sleep 300 >/dev/null 2>&1 & echo $!"],
    cwd: "/",
    env: { PATH: process.env.PATH!, DEPLOYER_RUN: run },
  });
  const pid = Number(stdout);
  await expect.poll(() => procProcessTable.environment(pid)).toMatchObject({ DEPLOYER_RUN: run });
  return pid;
}

it("ends a child that called setsid, by its mark", async () => {
  const run = `run-${process.pid}-a`;
  const pid = await daemon(run);
  expect(await endRunProcesses(procProcessTable, systemClock, run)).toEqual({ ended: [pid], left: [] });
  expect(await procProcessTable.identity(pid)).toBeUndefined();
});

it("leaves the processes of other runs alone, and its own", async () => {
  const run = `run-${process.pid}-b`;
  const pid = await daemon(run);
  expect(await endRunProcesses(procProcessTable, systemClock, `${run}b`)).toEqual({ ended: [], left: [] });
  expect(await procProcessTable.identity(pid)).toBeDefined();
  await endRunProcesses(procProcessTable, systemClock, run);
  expect(await procProcessTable.identity(process.pid)).toBeDefined();
});

it("gives up after ten seconds on what cannot be ended, and names it", async () => {
  const run = `run-${process.pid}-c`;
  const pid = await daemon(run);
  const clock = manualClock();
  const powerless = { ...procProcessTable, signal: () => undefined };
  const ending = endRunProcesses(powerless, clock, run);
  let done = false;
  ending.then(() => {
    done = true;
  });
  while (!done) {
    await clock.advance(1_000);
    await delay(1);
  }
  expect(await ending).toEqual({ ended: [pid], left: [pid] });
  expect(clock.elapsed()).toBeGreaterThanOrEqual(10_000);
  await endRunProcesses(procProcessTable, systemClock, run);
});

it("of an accepted run what activate has left running is the service; of a failed one it goes, too", async () => {
  const run = `run-${process.pid}-d`;
  const [built, serves, cleaned] = await Promise.all([
    daemon(run),
    daemon(runMark(run, "activate")),
    daemon(runMark(run, "cleanup")),
  ]);
  const { ended } = await endRunProcesses(procProcessTable, systemClock, run, { isAccepted: true });
  expect(ended.sort()).toEqual([built, cleaned].sort());
  expect(await procProcessTable.identity(serves)).toBeDefined();
  expect(await endRunProcesses(procProcessTable, systemClock, run)).toEqual({ ended: [serves], left: [] });
});

/** A daemon without a mark that was there before, and a worker that it has started with the one of a run. */
async function supervised(mark: string): Promise<{ readonly supervisor: ChildProcess; readonly worker: number }> {
  // Started by another shell, so that the test is no parent of it.
  const script = `env DEPLOYER_RUN=${mark} sleep 300 & echo $!; wait`;
  const supervisor = spawn("sh", ["-c", `setsid sh -c '${script}' & wait`], { stdio: ["ignore", "pipe", "ignore"] });
  const [text] = (await once(supervisor.stdout as NonNullable<ChildProcess["stdout"]>, "data")) as [Buffer];
  const worker = Number(String(text));
  await expect.poll(() => procProcessTable.environment(worker)).toMatchObject({ DEPLOYER_RUN: mark });
  return { supervisor, worker };
}

it("a worker of a daemon that was there before is the daemon's, also of a failed run", async () => {
  const run = `run-${process.pid}-e`;
  const { supervisor, worker } = await supervised(runMark(run, "activate"));
  try {
    expect(await endRunProcesses(procProcessTable, systemClock, run)).toEqual({ ended: [], left: [] });
    expect(await procProcessTable.identity(worker)).toBeDefined();
  } finally {
    const gone = once(supervisor, "close");
    procProcessTable.signal(worker, "SIGKILL");
    await gone;
  }
});
