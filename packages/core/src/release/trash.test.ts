import { spawnSync } from "node:child_process";
import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import type { RunEvent } from "../lifecycle/events.ts";
import { nodeFileSystem as fs } from "../ports/node-file-system.ts";
import { deployerWith, faultyFileSystem, temporaryRoot } from "../testing/index.ts";
import { childOf } from "./child.ts";
import { sweepLeftovers } from "./leftovers.ts";
import { prepareRoot } from "./root.ts";
import { emptyTrash, moveToTrash } from "./trash.ts";

const ANOTHER = 65_534;
const module = join(import.meta.dirname, "trash.ts");
const mayBeAnother =
  process.getuid?.() === 0 && spawnSync("cat", [module], { uid: ANOTHER, gid: ANOTHER }).status === 0;

function write(...path: string[]): string {
  const file = join(...path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, "");
  return file;
}

describe("the trash", () => {
  it("takes things of the same name, and is emptied", async () => {
    await using root = temporaryRoot();
    for (const _time of [1, 2]) {
      mkdirSync(join(root.paths.releases, "r1"), { recursive: true });
      await moveToTrash(fs, root.paths, root.paths.releases, "r1");
    }
    expect(readdirSync(root.paths.trash)).toHaveLength(2);
    expect(await emptyTrash(fs, root.paths)).toEqual([]);
    expect(readdirSync(root.paths.trash)).toEqual([]);
  });

  it("takes what is not there for gone, and may not be there itself", async () => {
    await using root = temporaryRoot();
    await moveToTrash(fs, root.paths, root.paths.releases, "r1");
    expect(await emptyTrash(fs, root.paths)).toEqual([]);
    expect(readdirSync(root.path)).toEqual([]);
  });

  it.each(["", ".", "..", "../shared", "a/b", "/etc", "a\0"])("takes nothing by the name %j", async (name) => {
    await using root = temporaryRoot();
    write(root.paths.shared, "row");
    mkdirSync(root.paths.releases);
    await expect(moveToTrash(fs, root.paths, root.paths.releases, name)).rejects.toThrow("nothing was touched");
    expect(() => childOf(root.paths.releases, name)).toThrow("nothing was touched");
    expect(readdirSync(root.path).sort()).toEqual(["releases", "shared"]);
  });

  it("deletes the rest when one thing cannot be deleted, and says why", async () => {
    await using root = temporaryRoot();
    for (const name of ["a", "b", "c"]) write(root.paths.trash, name, "file");
    const faulty = faultyFileSystem(fs, { call: "remove", path: "/b", nth: "all", error: "EACCES" });
    expect(await emptyTrash(faulty, root.paths)).toEqual([
      { path: join(root.paths.trash, "b"), reason: expect.stringContaining("EACCES") },
    ]);
    expect(readdirSync(root.paths.trash)).toEqual(["b"]);
  });
});

describe.skipIf(!mayBeAnother)(
  `the trash of a user who is not root${mayBeAnother ? "" : " (skipped: only root can be another)"}`,
  () => {
    const asAnother = (root: string, call: string): string => {
      const layout = join(import.meta.dirname, "layout.ts");
      const port = join(import.meta.dirname, "../ports/node-file-system.ts");
      const script = `import { layout } from ${JSON.stringify(layout)};
        import { nodeFileSystem as fs } from ${JSON.stringify(port)};
        import { emptyTrash, moveToTrash } from ${JSON.stringify(module)};
        const paths = layout(${JSON.stringify(root)});
        console.log(JSON.stringify(await ${call}));`;
      const args = ["--input-type=module", "--no-warnings", "-e", script];
      const { stdout, stderr } = spawnSync(process.execPath, args, { uid: ANOTHER, gid: ANOTHER, encoding: "utf8" });
      return stdout.trim() || stderr;
    };

    it("takes and deletes folders that a build has made read-only", async () => {
      await using root = temporaryRoot();
      write(root.paths.releases, "r1", "node_modules", "p", "file");
      spawnSync("chown", ["-R", `${ANOTHER}:${ANOTHER}`, root.path]);
      for (const path of ["r1/node_modules/p", "r1/node_modules", "r1"])
        chmodSync(join(root.paths.releases, path), 0o555);
      asAnother(root.path, 'moveToTrash(fs, paths, paths.releases, "r1")');
      expect([readdirSync(root.paths.releases), readdirSync(root.paths.trash).length]).toEqual([[], 1]);
      expect(asAnother(root.path, "emptyTrash(fs, paths)")).toBe("[]");
      expect(readdirSync(root.paths.trash)).toEqual([]);
    });

    it("keeps only what another user's folder holds", async () => {
      await using root = temporaryRoot();
      write(root.paths.trash, "r1", "made-by-root", "file");
      write(root.paths.trash, "r1", "own", "file");
      write(root.paths.trash, "r2", "file");
      spawnSync("chown", ["-R", `${ANOTHER}:${ANOTHER}`, root.path]);
      chownSync(join(root.paths.trash, "r1/made-by-root"), 0, 0);
      const left = JSON.parse(asAnother(root.path, "emptyTrash(fs, paths)"));
      expect(left).toEqual([{ path: join(root.paths.trash, "r1"), reason: expect.stringContaining("EACCES") }]);
      expect(readdirSync(root.paths.trash)).toEqual(["r1"]);
      expect(readdirSync(join(root.paths.trash, "r1"))).toEqual(["made-by-root"]);
    });
  },
);

it("a run tells what it could not delete, once; a check with nothing to do is silent", async () => {
  const faulty = faultyFileSystem(fs, { call: "remove", path: "/trash/", nth: "all", error: "EPERM" });
  await using app = await deployerWith({ options: { ports: { fs: faulty } }, config: { keepReleases: 1 } });
  for (let n = 1; n <= 3; n += 1) await app.deployer.deploy();
  const { outcome, exitCode, warnings } = await app.deployer.deploy();
  const told = expect.stringMatching(/^2 things in the trash cannot be deleted, .*EPERM.* rm -r \S+ \S+$/);
  expect({ outcome, exitCode, warnings }).toEqual({ outcome: "deployed", exitCode: 0, warnings: [told] });
  expect(app.reporter.of("warning").at(-1)).toMatchObject({ text: warnings[0] });
  expect(await app.deployer.check()).toMatchObject({ outcome: "up-to-date", warnings: [] });
});

it("a listener that throws when it hears of the trash changes nothing of what is told of the run", async () => {
  const faulty = faultyFileSystem(fs, { call: "remove", path: "/trash/", nth: "all", error: "EPERM" });
  const deaf = {
    onEvent({ type }: RunEvent) {
      if (type === "warning") throw new Error("deaf");
    },
  };
  await using app = await deployerWith({
    options: { ports: { fs: faulty }, reporters: [deaf] },
    config: { keepReleases: 1 },
  });
  for (let n = 1; n <= 3; n += 1) await app.deployer.deploy();
  expect(await app.deployer.deploy()).toMatchObject({ outcome: "deployed", exitCode: 0, error: null });
});

it("a release that cannot be taken away keeps no other from it", async () => {
  const faulty = faultyFileSystem(fs, { call: "rename", path: "/trash/", error: "EACCES" });
  await using app = await deployerWith({ options: { ports: { fs: faulty } }, config: { keepReleases: 1 } });
  await app.deployer.deploy();
  const second = (await app.deployer.deploy()).release?.id;
  const { warnings, release } = await app.deployer.deploy();
  expect(warnings).toEqual([expect.stringMatching(/^Release \S+ could not be removed: EACCES/)]);
  const last = await app.deployer.deploy();
  expect(last.warnings).toEqual([]);
  expect(readdirSync(app.paths.releases).sort()).toEqual([release?.id, last.release?.id].sort());
  expect(readdirSync(app.paths.releases)).not.toContain(second);
});

it("whatever a killed run left under a name of its own is swept by the next one, and nothing else", async () => {
  await using app = await deployerWith();
  await prepareRoot(fs, app.paths);
  const uuid = "6f1c3f0a-5a39-4d8e-9a52-2f7b1f9f8a11";
  const { state, preload, migrations, rehearsal } = app.paths;
  const kept = [write(state, "mine.txt"), write(state, "repository.git.old", "HEAD"), write(preload, "a.cjs")];
  const left = [
    write(state, `link-${uuid}`),
    write(state, "index-20261120T184500Z-3f2a1bc"),
    write(state, "index-20261120T184500Z-3f2a1bc.lock"),
    write(state, `repository.git.${uuid}`, "objects", "pack"),
    write(state, ".writable"),
    write(state, `..writable.${uuid}`),
    write(preload, `.a.cjs.${uuid}`),
    write(migrations, ".20261120T184500Z-3f2a1b.json.new"),
    write(rehearsal, "20261120T184500Z-3f2a1b", "previous", "file"),
  ];
  expect(await app.deployer.check()).toMatchObject({ outcome: "deployed" });
  expect(left.filter((path) => existsSync(path))).toEqual([]);
  expect(kept.filter((path) => !existsSync(path))).toEqual([]);
  expect(readdirSync(app.paths.trash)).toEqual([]);
  for (const path of left) write(path);
  await sweepLeftovers(fs, app.paths);
  expect(left.filter((path) => existsSync(path))).toEqual([rehearsal].filter((path) => existsSync(path)));
});
