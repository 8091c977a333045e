import { mkdirSync, readdirSync, readFileSync, readlinkSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { faultyFileSystem, temporaryDirectory } from "../testing/index.ts";
import { nodeFileSystem as fs } from "./node-file-system.ts";

describe("the file system", () => {
  it("looks at a link itself, and resolves what it leads to", async () => {
    await using folder = temporaryDirectory();
    const link = join(folder.path, "link");
    symlinkSync("gone", link);
    expect(await fs.look(link)).toMatchObject({ kind: "link" });
    expect(await fs.resolve(link)).toBeUndefined();
    symlinkSync("circle", join(folder.path, "circle"));
    expect(await fs.resolve(join(folder.path, "circle"))).toBeUndefined();
    writeFileSync(join(folder.path, "gone"), "12345");
    expect(await fs.resolve(link)).toMatchObject({ kind: "file", size: 5, links: 1, uid: process.getuid?.() });
    expect(await fs.look(join(link, "below a file"))).toBeUndefined();
  });

  it("writes a file whole, with its mode, and leaves nothing beside it", async () => {
    await using folder = temporaryDirectory();
    const path = join(folder.path, "file");
    await fs.writeAtomic(path, "old");
    await fs.writeAtomic(path, "new", 0o600);
    expect(readFileSync(path, "utf8")).toBe("new");
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readdirSync(folder.path)).toEqual(["file"]);
  });

  it("leaves the old text and nothing beside it when writing fails", async () => {
    await using folder = temporaryDirectory();
    mkdirSync(join(folder.path, "taken", "by a directory"), { recursive: true });
    await expect(fs.writeAtomic(join(folder.path, "taken"), "x")).rejects.toThrow(/EISDIR|ENOTEMPTY|EEXIST/);
    expect(readdirSync(folder.path)).toEqual(["taken"]);
  });

  it("creates a directory only where nothing is, when that is asked", async () => {
    await using folder = temporaryDirectory();
    const path = join(folder.path, "release");
    await fs.createDirectory(path);
    await expect(fs.createDirectory(path)).rejects.toMatchObject({ code: "EEXIST" });
    await fs.makeDirectory(path);
  });

  it("removes a link, never what it leads to, and what is not there", async () => {
    await using folder = temporaryDirectory();
    writeFileSync(join(folder.path, "kept"), "");
    symlinkSync("kept", join(folder.path, "link"));
    await fs.remove(join(folder.path, "link"));
    await fs.remove(join(folder.path, "link"));
    expect(readdirSync(folder.path)).toEqual(["kept"]);
  });

  it("copies a tree with its relative links as they are", async () => {
    await using folder = temporaryDirectory();
    mkdirSync(join(folder.path, "a"));
    writeFileSync(join(folder.path, "a/file"), "x");
    symlinkSync("file", join(folder.path, "a/link"));
    await fs.copy(join(folder.path, "a"), join(folder.path, "b"));
    expect(readlinkSync(join(folder.path, "b/link"))).toBe("file");
    expect(await fs.freeBytes(folder.path)).toBeGreaterThan(0);
  });
});

describe("injected faults", () => {
  it("fail the calls that were named, and no others", async () => {
    await using folder = temporaryDirectory();
    const faulty = faultyFileSystem(
      fs,
      { call: "makeDirectory", nth: 2, error: "ENOSPC" },
      { call: "remove", path: "precious", nth: "all", error: new Error("never") },
    );
    const path = (name: string): string => join(folder.path, name);
    await faulty.makeDirectory(path("one"));
    await expect(faulty.makeDirectory(path("two"))).rejects.toMatchObject({ code: "ENOSPC" });
    await faulty.makeDirectory(path("three"));
    for (const _time of [1, 2]) await expect(faulty.remove(path("precious"))).rejects.toThrow("never");
    await faulty.remove(path("one"));
    expect(readdirSync(folder.path)).toEqual(["three"]);
  });
});
