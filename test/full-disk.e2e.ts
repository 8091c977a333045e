import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { cp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { fileURLToPath } from "node:url";
import type { RunResult } from "@deployer/core";
import { describe, expect } from "vitest";
import { plainApp } from "./support/apps.ts";
import { startProgram } from "./support/run-program.ts";
import { type Site, test } from "./support/site.ts";

// What is started in it ends with it, and the mount with the last process.
const NAMESPACE = ["-rmpf", "--kill-child", "--mount-proc"];
const MAY_MOUNT =
  spawnSync("unshare", [...NAMESPACE, "mount", "-t", "tmpfs", "none", tmpdir()], { timeout: 10_000 }).status === 0;

// As another process would, it fills the disk to its last block; for git it leaves room for what the run writes down.
const FILLING = `
  import { closeSync, ftruncateSync, openSync, writeSync } from "node:fs";
  import { definePlugin } from "@deployer/core";
  export default definePlugin(({ root }) => {
    const fill = (stage, left = 0) => async () => {
      if (process.env.FILL !== stage) return;
      const file = openSync(root + "/filling", "w");
      let size = 0;
      try { for (;;) size += writeSync(file, Buffer.alloc(4096)); } catch { ftruncateSync(file, size - left); }
      closeSync(file);
    };
    return {
      name: "filling",
      prepare: fill("prepare", 65536),
      build: fill("build"),
      activate: { order: "post", handler: fill("activate") },
      cleanup: fill("cleanup"),
    };
  });
`;

interface Told {
  readonly name: string;
  readonly result: RunResult;
  readonly exit: number;
  readonly current: string;
  readonly releases: readonly string[];
}

describe.skipIf(!MAY_MOUNT)("a disk that is full", () => {
  test("what is told of it is true, what failed is gone, and the next run settles the rest", async ({ site }) => {
    const [first, second, third] = await threeCommits(site);
    const told = await onSmallDisk(site, [
      `try first   deploy ${first}`,
      `FILL=prepare  try fetch    deploy ${second}`,
      `FILL=build    try build    deploy ${second}`,
      `try second  deploy ${second}`,
      `FILL=activate try accept   deploy ${third}`,
      `FILL=cleanup  try cleanup  deploy ${third}`,
      "try after   check",
      "KEEP=1 FILL=cleanup try again deploy",
      "try before  check",
    ]);

    const served = told.first?.result.release?.id as string;
    expect(told.fetch).toMatchObject({ exit: 4, current: served, releases: [served] });
    expect(told.fetch?.result).toMatchObject({ served, error: { code: "ERR_DISK" }, undoFailures: [] });
    expect(told.fetch?.result.error?.message).toContain(`${site.root}/.deployer/repository.git`);
    expect(told.build).toMatchObject({ exit: 4, current: served, releases: [served] });
    expect(told.build?.result).toMatchObject({ served, error: { code: "ERR_DISK" }, undoFailures: [] });

    const next = told.second?.result.release?.id as string;
    expect(told.second).toMatchObject({ exit: 0, current: next, releases: [served, next] });
    expect(told.accept).toMatchObject({ exit: 4, current: next, releases: [served, next] });
    expect(told.accept?.result).toMatchObject({ served: next, error: { code: "ERR_DISK" }, undoFailures: [] });

    // Accepted: it is in service, whatever could not be written down after that.
    const last = told.cleanup?.result.release?.id as string;
    expect(told.cleanup).toMatchObject({ exit: 0, current: last, result: { outcome: "deployed", served: last } });
    expect(told.cleanup?.result.warnings.join()).toContain("The end of this run could not be recorded");
    expect(told.after?.result).toMatchObject({ outcome: "up-to-date", recovered: { outcome: "finished" } });
    expect(told.after).toMatchObject({ current: last, releases: [served, next, last] });

    expect(told.before?.exit).toBe(4);
    expect(told.before?.result).toMatchObject({ served: told.again?.current, error: { code: "ERR_DISK" } });
  });

  test("releases on another file system are found before anything is begun", async ({ site }) => {
    const [first] = await threeCommits(site);
    // Of the same disk: only a rename tells that it is another mount.
    const told = await onSmallDisk(site, [
      "mkdir releases elsewhere; mount --bind elsewhere releases",
      `try split deploy ${first}`,
    ]);
    expect(told.split).toMatchObject({ exit: 2, releases: [], result: { served: null } });
    expect(told.split?.result.error?.message).toContain(`${site.root}/releases lies on another file system`);
  });
});

/** Each more than what is left in a block of the disk. */
async function threeCommits(site: Site): Promise<string[]> {
  await site.put("filling.mjs", FILLING);
  const git = ["@deployer/plugin-git", { remote: site.remote }];
  await site.configure({ plugins: [["./filling.mjs", { root: site.root }], git] });
  const hashes: string[] = [];
  for (const version of ["1", "2", "3"])
    hashes.push(await site.commit({ ...plainApp(version), "noise.txt": randomBytes(100_000).toString("hex") }));
  return hashes;
}

/** Runs the lines with the site's root on a disk of 16 MB. `try NAME …` runs the command and tells what came of it. */
async function onSmallDisk(site: Site, lines: readonly string[]): Promise<Record<string, Told>> {
  await cp(site.root, site.at("saved"), { recursive: true });
  const command = fileURLToPath(new URL("../packages/cli/bin/deployer.js", import.meta.url));
  const script = `
    mount -t tmpfs -o size=16m none ${site.root} || exit 1
    cd ${site.root} && cp ${site.at("saved")}/* .
    try() {
      name=$1; shift
      echo "BEGIN $name"; ${process.execPath} ${command} "$@" --json; echo "EXIT $?"
      echo "CURRENT $(readlink current)"; echo "RELEASES" $(ls releases)
      [ -n "$KEEP" ] || rm -f filling
    }
    ${lines.join("\n")}`;
  const { stdout, stderr } = await startProgram("unshare", [...NAMESPACE, "sh", "-c", script], {
    cwd: site.folder,
    env: site.env,
  }).ended;
  return Object.fromEntries(
    stdout
      .split("BEGIN ")
      .slice(1)
      .map((text) => {
        const [, name = "", json = "", exit, current = "", releases = ""] =
          /^(\S+)\n([\s\S]*?)EXIT (\d+)\nCURRENT (.*)\nRELEASES ?(.*)/.exec(text) ?? [];
        if (!json.startsWith("{")) throw new Error(`${name}: no JSON:\n${text}\n${stderr}`);
        const told = { current: current.replace("releases/", ""), releases: releases.split(" ").filter(Boolean) };
        return [name, { name, exit: Number(exit), result: JSON.parse(json), ...told }];
      }),
  );
}
