import { mkdirSync, readdirSync, readlinkSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { describe, expect, it } from "vitest";
import { previousRelease } from "../lifecycle/previous-release.ts";
import type { Session } from "../lifecycle/session.ts";
import { nodeFileSystem as fs } from "../ports/node-file-system.ts";
import { faultyFileSystem, type TemporaryRoot, temporaryRoot } from "../testing/index.ts";
import { currentId, restoreCurrent, switchCurrent } from "./current-link.ts";

function newRoot(...releases: string[]): TemporaryRoot {
  const root = temporaryRoot();
  mkdirSync(root.paths.state);
  for (const id of releases) {
    mkdirSync(join(root.paths.releases, id), { recursive: true });
    writeFileSync(join(root.paths.releases, id, "REVISION"), id);
  }
  return root;
}

// Reads through the link as fast as it can until it is told to stop.
const READER = `
  const { readFileSync } = require("node:fs");
  const { parentPort, workerData } = require("node:worker_threads");
  const seen = {};
  let stop = false;
  parentPort.once("message", () => { stop = true; });
  const turn = () => {
    for (let n = 0; n < 200; n += 1) {
      let found;
      try { found = readFileSync(workerData, "utf8"); } catch (error) { found = error.code; }
      seen[found] = (seen[found] ?? 0) + 1;
    }
    if (stop) parentPort.postMessage(seen);
    else setImmediate(turn);
  };
  parentPort.postMessage("reading");
  turn();
`;

describe("the link `current`", () => {
  it("leads to the old release or the new one at every moment of a switch, never to none", async () => {
    await using root = newRoot("old", "new");
    await switchCurrent(fs, root.paths, "old");
    const reader = new Worker(READER, { eval: true, workerData: join(root.paths.current, "REVISION") });
    try {
      await new Promise((resolve) => reader.once("message", resolve));
      for (let n = 0; n < 100; n += 1) await switchCurrent(fs, root.paths, n % 2 === 0 ? "new" : "old");
      const seen = await new Promise<Record<string, number>>((resolve) => {
        reader.once("message", resolve);
        reader.postMessage("stop");
      });
      expect(Object.keys(seen).sort()).toEqual(["new", "old"]);
    } finally {
      await reader.terminate();
    }
  });

  it("is relative, so that a root can be moved", async () => {
    await using root = newRoot("r1");
    await switchCurrent(fs, root.paths, "r1");
    expect(readlinkSync(root.paths.current)).toBe("releases/r1");
    expect(await currentId(fs, root.paths)).toBe("r1");
  });

  it("is not there before the first release, and can be taken away", async () => {
    await using root = newRoot("r1");
    expect(await currentId(fs, root.paths)).toBeUndefined();
    await switchCurrent(fs, root.paths, "r1");
    await restoreCurrent(fs, root.paths, undefined);
    await restoreCurrent(fs, root.paths, undefined);
    expect(await currentId(fs, root.paths)).toBeUndefined();
  });

  it("is put back word for word, also when another tool made it", async () => {
    await using root = newRoot("r1");
    const foreign = join(root.paths.root, "somewhere/20250101");
    await fs.link(foreign, root.paths.current);
    await switchCurrent(fs, root.paths, "r1");
    await restoreCurrent(fs, root.paths, foreign);
    await restoreCurrent(fs, root.paths, foreign);
    expect(await fs.readLink(root.paths.current)).toBe(foreign);
  });

  it.each([
    ["directory", (path: string) => mkdirSync(path)],
    ["file", (path: string) => writeFileSync(path, "")],
  ])("is refused as a real %s, with the way out", async (kind, make) => {
    await using root = newRoot();
    make(root.paths.current);
    await expect(currentId(fs, root.paths)).rejects.toMatchObject({
      code: "ERR_CURRENT_IS_DIRECTORY",
      message: expect.stringContaining(`is a real ${kind}`),
      hint: expect.stringContaining(`mv ${root.paths.current}`),
    });
  });

  it("stays as it is when it cannot be replaced, and nothing is left beside it", async () => {
    await using root = newRoot("old", "new");
    await switchCurrent(fs, root.paths, "old");
    const full = faultyFileSystem(fs, { call: "rename", error: "ENOSPC" });
    await expect(switchCurrent(full, root.paths, "new")).rejects.toMatchObject({ code: "ENOSPC" });
    expect(await currentId(fs, root.paths)).toBe("old");
    expect(readdirSync(root.paths.state)).toEqual([]);
  });

  it("is replaced although a killed run has left a link behind", async () => {
    await using root = newRoot("r1");
    symlinkSync("releases/dead", join(root.paths.state, "link-dead"));
    await switchCurrent(fs, root.paths, "r1");
    expect(await currentId(fs, root.paths)).toBe("r1");
  });
});

describe("restoring `current`", () => {
  function sessionOf(root: TemporaryRoot): Session {
    return { ports: { fs }, paths: root.paths, store: { release: () => undefined } } as unknown as Session;
  }

  it("puts back the very text of the link, also one that no release of ours stands behind", async () => {
    await using root = newRoot("r1");
    symlinkSync("../somewhere/else", root.paths.current);
    const previous = await previousRelease(sessionOf(root), await currentId(fs, root.paths));
    await switchCurrent(fs, root.paths, "r1");
    await previous.restore();
    await previous.restore();
    expect(readlinkSync(root.paths.current)).toBe("../somewhere/else");
  });

  it("removes the link when nothing was served before", async () => {
    await using root = newRoot("r1");
    const previous = await previousRelease(sessionOf(root), undefined);
    await switchCurrent(fs, root.paths, "r1");
    await previous.restore();
    expect(await currentId(fs, root.paths)).toBeUndefined();
  });
});
