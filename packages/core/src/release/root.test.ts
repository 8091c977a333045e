import { chmodSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { nodeFileSystem as fs } from "../ports/node-file-system.ts";
import { faultyFileSystem, temporaryRoot } from "../testing/index.ts";
import { prepareRoot, refuseWritableConfig, sweepLinks } from "./root.ts";
import { emptyTrash, moveToTrash } from "./trash.ts";

describe("a root", () => {
  it("is made with all its folders, and made again without harm", async () => {
    await using root = temporaryRoot();
    await prepareRoot(fs, root.paths);
    await prepareRoot(fs, root.paths);
    expect(readdirSync(root.path).sort()).toEqual([".deployer", "releases", "shared"]);
    expect(readdirSync(root.paths.state).sort()).toEqual([
      "cache",
      "logs",
      "migrations",
      "preload",
      "snapshots",
      "sockets",
    ]);
  });

  it("that cannot be written to is refused with what to do", async () => {
    await using root = temporaryRoot();
    const refused = async (error: string): Promise<unknown> =>
      prepareRoot(faultyFileSystem(fs, { call: "writeAtomic", error }), root.paths).catch((thrown) => thrown);
    for (const [error, hint] of [
      ["EACCES", `sudo mkdir -p ${root.path}`],
      ["EROFS", `findmnt --target ${root.path}`],
    ] as const)
      expect(await refused(error)).toMatchObject({
        code: "ERR_ROOT_NOT_WRITABLE",
        exitCode: 2,
        hint: expect.stringContaining(hint),
        cause: expect.objectContaining({ code: error }),
      });
    // A full disk is not a matter of whose folder it is.
    expect(await refused("ENOSPC")).toMatchObject({ code: "ENOSPC" });
  });

  it("of another user is refused with the sudo line", async () => {
    await using root = temporaryRoot();
    await prepareRoot(fs, root.paths);
    const uid = (process.getuid?.() ?? 0) + 1;
    const foreign = { ...fs, look: async (path: string) => ({ ...(await fs.look(path))!, uid }) };
    await expect(prepareRoot(foreign, root.paths)).rejects.toMatchObject({
      code: "ERR_OTHER_OWNER",
      hint: expect.stringContaining(`sudo -u '#${uid}'`),
    });
  });

  it("whose private folder others can write to is refused", async () => {
    await using root = temporaryRoot();
    await prepareRoot(fs, root.paths);
    chmodSync(root.paths.state, 0o777);
    await expect(prepareRoot(fs, root.paths)).rejects.toMatchObject({ code: "ERR_INSECURE_MODE", exitCode: 2 });
  });
});

it("links that a killed run left are swept away, and nothing else", async () => {
  await using root = temporaryRoot();
  await prepareRoot(fs, root.paths);
  symlinkSync("releases/dead", join(root.paths.state, "link-dead"));
  writeFileSync(join(root.paths.state, "state.db"), "");
  await sweepLinks(fs, root.paths);
  expect(readdirSync(root.paths.state).sort()).toEqual([
    "cache",
    "logs",
    "migrations",
    "preload",
    "snapshots",
    "sockets",
    "state.db",
  ]);
});

describe("the config's file and folder", () => {
  it.each(["file", "folder"])("are refused when others can write the %s", async (which) => {
    await using root = temporaryRoot();
    const file = join(root.path, "deployer.config.ts");
    writeFileSync(file, "");
    chmodSync(file, 0o644);
    await refuseWritableConfig(fs, file);
    const path = which === "file" ? file : root.path;
    chmodSync(path, 0o777);
    await expect(refuseWritableConfig(fs, file)).rejects.toMatchObject({
      code: "ERR_INSECURE_MODE",
      hint: `chmod o-w ${path}`,
    });
  });
});

describe("the trash", () => {
  it("takes things of the same name, and is emptied", async () => {
    await using root = temporaryRoot();
    for (const _time of [1, 2]) {
      mkdirSync(join(root.paths.releases, "r1"), { recursive: true });
      await moveToTrash(fs, root.paths, join(root.paths.releases, "r1"));
    }
    expect(readdirSync(root.paths.trash)).toHaveLength(2);
    await emptyTrash(fs, root.paths);
    expect(readdirSync(root.paths.trash)).toEqual([]);
  });

  it("takes what is not there for gone, and may not be there itself", async () => {
    await using root = temporaryRoot();
    await moveToTrash(fs, root.paths, join(root.paths.releases, "r1"));
    await emptyTrash(fs, root.paths);
    expect(readdirSync(root.path)).toEqual([]);
  });
});
