import { chmodSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { nodeFileSystem as fs } from "../ports/node-file-system.ts";
import { faultyFileSystem, temporaryRoot } from "../testing/index.ts";
import { prepareRoot, refuseWritableConfig } from "./root.ts";

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

  it("with something else in a folder's place is refused with where to look, not with a change of owner", async () => {
    await using root = temporaryRoot();
    symlinkSync(join(root.path, "nowhere"), root.paths.releases);
    await expect(prepareRoot(fs, root.paths)).rejects.toMatchObject({
      code: "ERR_ROOT_NOT_WRITABLE",
      hint: expect.stringContaining(`ls -ld ${root.paths.releases}`),
    });
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

  it("that others can write to is refused, its folders, too, with one command that mends all", async () => {
    await using root = temporaryRoot();
    await prepareRoot(fs, root.paths);
    const open = [root.path, root.paths.state, root.paths.releases, root.paths.shared];
    for (const path of open) chmodSync(path, 0o777);
    await expect(prepareRoot(fs, root.paths)).rejects.toMatchObject({
      ...{ code: "ERR_INSECURE_MODE", exitCode: 2, hint: `chmod o-w ${open.join(" ")}` },
      message: `Every user of this machine can write to ${open.join(" and ")}.`,
    });
    for (const path of open) chmodSync(path, 0o1777);
    await prepareRoot(fs, root.paths);
  });
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
