import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import type { ConfigInput } from "../config/schema.ts";
import type { Plugin } from "../plugin/plugin.ts";
import { nodeFileSystem as fs } from "../ports/node-file-system.ts";
import { deployerWith, type TestDeployer, temporaryDirectory } from "../testing/index.ts";
import { containedPath, linkAbove, ownPath } from "./own-path.ts";

/** What a release's files are, beside plain ones: a link's target by its path, or a folder with a file in it. */
type Odd = Readonly<Record<string, string | { readonly folder: true }>>;

const FOLDER = { folder: true } as const;

function oddFiles(odd: Odd): Plugin {
  return {
    name: "repository",
    async prepare({ release }) {
      for (const [path, what] of Object.entries(odd)) {
        const at = join(release.path, path);
        mkdirSync(dirname(at), { recursive: true });
        rmSync(at, { force: true, recursive: true });
        if (typeof what === "string") symlinkSync(what, at);
        else writeFileSync(join(mkdirSync(at, { recursive: true }) ?? at, "file"), "the repository's");
      }
    },
  };
}

/** A served app with live data, and a commit that brings something odd. */
async function served(config: Partial<ConfigInput>, odd: Odd, plugins: readonly Plugin[] = []): Promise<TestDeployer> {
  const app = await deployerWith({ config, remote: undefined as never });
  app.remote.push({ "apps/web/package.json": "{}", "package.json": "{}" });
  expect(await app.deployer.check()).toMatchObject({ outcome: "deployed" });
  for (const path of ["data/rows", "data/uploads/photo", "web/page"]) {
    mkdirSync(dirname(join(app.paths.shared, path)), { recursive: true });
    writeFileSync(join(app.paths.shared, path), "live");
  }
  app.remote.push({ "apps/web/package.json": "{}", "package.json": "{}", more: "" });
  const next = await app.with({ plugins: [oddFiles(odd), ...plugins] });
  return { ...next, remove: app.remove, [Symbol.asyncDispose]: app.remove };
}

function expectUntouched(app: TestDeployer, release: string | undefined): void {
  expect(app.current()).toBe(release);
  expect(readdirSync(app.root).sort()).toEqual([".deployer", "current", "releases", "shared"]);
  expect(readdirSync(app.paths.shared).sort()).toEqual(["data", "web"]);
  expect(readdirSync(join(app.paths.shared, "data")).sort()).toEqual(["rows", "uploads"]);
  for (const path of ["data/rows", "data/uploads/photo", "web/page"])
    expect(readFileSync(join(app.paths.shared, path), "utf8")).toBe("live");
  expect(existsSync(join(app.paths.current, "REVISION"))).toBe(true);
}

const WEB = { directory: "apps/web", shared: ["data/"] };
const TOP = { shared: ["data/"] };

describe("a repository is refused, nothing live is touched and the revision is held, when it has", () => {
  it.each<[string, Partial<ConfigInput>, Odd, RegExp]>([
    ["the app's folder as a link to live data", WEB, { "apps/web": "../../../shared" }, /apps\/web, which is a link/],
    ["a folder above the app as a link out", WEB, { apps: "../../shared" }, /apps, which is a link/],
    ["the app's folder as an absolute link", WEB, { "apps/web": "/tmp" }, /apps\/web, which is a link/],
    [
      "a folder above a shared path as a link",
      { shared: ["public/uploads/"] },
      { public: "../../shared/web" },
      /public, which is a link/,
    ],
    ["a folder as REVISION", TOP, { REVISION: FOLDER }, /a folder REVISION/],
  ])("%s", async (_case, config, odd, message) => {
    await using app = await served(config, odd);
    if (config.shared?.[0] === "public/uploads/") rmSync(join(app.paths.shared, "public"), { recursive: true });
    const before = app.current();
    const result = await app.deployer.check();
    expect(result).toMatchObject({
      outcome: "failed",
      exitCode: 4,
      error: { message: expect.stringMatching(message) },
    });
    if (config.shared?.[0] === "public/uploads/")
      rmSync(join(app.paths.shared, "public"), { recursive: true, force: true });
    expectUntouched(app, before);
    expect(readdirSync(app.paths.releases)).toEqual([before]);
    expect(await app.deployer.check()).toMatchObject({ outcome: "held" });
  });

  it("the app's folder as a link within it; the folder to name is told", async () => {
    await using app = await served(WEB, { "apps/web": "../packages/web", "packages/web": FOLDER });
    const { error } = await app.deployer.check();
    expect(error).toMatchObject({
      code: "ERR_FOREIGN_LINK",
      hint: expect.stringContaining('directory: "packages/web"'),
    });
  });
});

describe("gives way to what is the deployer's own, and the release is served:", () => {
  it.each<[string, Odd, RegExp | undefined]>([
    ["REVISION as a link", { REVISION: "../../shared/data/rows" }, undefined],
    [".rehearsal as a link to live data", { ".rehearsal": "../../shared" }, /its own \.rehearsal/],
    [".rehearsal as a folder", { ".rehearsal": FOLDER }, /its own \.rehearsal/],
    ["a shared path as a link elsewhere", { data: "../../shared/web" }, undefined],
    ["a shared path as a folder", { data: FOLDER }, /its own data/],
  ])("%s", async (_case, odd, warning) => {
    const copying: Plugin = {
      name: "copying",
      link: async (paths) =>
        paths.map((entry) => ({
          ...entry,
          substitutes: [
            { owns: ["data/a.db"], fill: async (at) => writeFileSync(join(at, "a.db"), "copy") as undefined },
          ],
        })),
    };
    await using app = await served(TOP, odd, [copying]);
    const result = await app.deployer.check();
    expect(result).toMatchObject({ outcome: "deployed" });
    if (warning === undefined) expect(result.warnings).toEqual([]);
    else expect(result.warnings).toEqual([expect.stringMatching(warning)]);
    expectUntouched(app, result.release?.id);
    expect(lstatSync(join(app.paths.current, "REVISION")).isFile()).toBe(true);
    expect(existsSync(join(app.paths.current, ".rehearsal"))).toBe(false);
    expect(statSync(join(app.paths.current, "data")).ino).toBe(statSync(join(app.paths.shared, "data")).ino);
  });
});

describe("a build that puts a link where the deployer works", () => {
  it.each<[string, string, string]>([
    ["above a shared path", "public", "../../shared/web"],
    ["in the place of the stand-ins", ".rehearsal", "../../shared"],
  ])("%s has nothing of what is live removed", async (_case, path, target) => {
    const plugins: Plugin[] = [
      {
        name: "linking",
        link: async (paths) =>
          paths.map((entry) => ({ ...entry, substitutes: [{ owns: [entry.path], fill: async () => undefined }] })),
        async build({ release }) {
          rmSync(join(release.path, path), { recursive: true });
          symlinkSync(target, join(release.path, path));
        },
      },
    ];
    await using app = await served({ shared: ["public/data/"] }, {}, plugins);
    writeFileSync(join(app.paths.shared, "public/data/row"), "live");
    mkdirSync(join(app.paths.shared, "web/data"));
    writeFileSync(join(app.paths.shared, "web/data/row"), "live");
    await app.deployer.check();
    for (const row of ["public/data/row", "web/data/row", "data/rows"])
      expect(readFileSync(join(app.paths.shared, row), "utf8")).toBe("live");
  });

  it("has a directory that was emptied for it put back, or fails, and never through a link", async () => {
    const emptying: Plugin = {
      name: "emptying",
      async build({ release, links }) {
        await links.empty("public/data");
        rmSync(join(release.path, "public"), { recursive: true });
        symlinkSync("../../shared/web", join(release.path, "public"));
      },
    };
    await using app = await served({ shared: ["public/data/"] }, {}, [emptying]);
    mkdirSync(join(app.paths.shared, "web/data"));
    writeFileSync(join(app.paths.shared, "web/data/row"), "live");
    expect(await app.deployer.check()).toMatchObject({ exitCode: 4, error: { code: "ERR_FOREIGN_LINK" } });
    expect(readFileSync(join(app.paths.shared, "web/data/row"), "utf8")).toBe("live");
  });
});

it("a seed that is a link out of the release is not copied", async () => {
  await using app = await served({ shared: [{ path: "public/img/", seed: true }] }, {});
  rmSync(join(app.paths.shared, "public"), { recursive: true });
  const next = await app.with({ plugins: [oddFiles({ "public/img": "../../../shared/data" })] });
  expect(await next.deployer.check()).toMatchObject({ exitCode: 4, error: { code: "ERR_FOREIGN_LINK" } });
  expect(existsSync(join(app.paths.shared, "public/img"))).toBe(false);
});

describe("a path below a folder", () => {
  it("is its own as long as no folder above it is a link, and contained as long as it stays inside", async () => {
    await using folder = temporaryDirectory();
    const top = join(folder.path, "top");
    mkdirSync(join(top, "a/b"), { recursive: true });
    writeFileSync(join(top, "a/b/c"), "");
    symlinkSync("a", join(top, "within"));
    symlinkSync("..", join(top, "out"));
    symlinkSync("nowhere", join(top, "dangling"));
    symlinkSync("../outside", join(top, "a/last"));
    const at = (path: string): string => join(top, path);
    expect(await ownPath(fs, top, at("a/b/c"))).toBe(at("a/b/c"));
    expect(await ownPath(fs, top, at("a/last"))).toBe(at("a/last"));
    expect(await ownPath(fs, top, at("not/there"))).toBe(at("not/there"));
    expect(await linkAbove(fs, top, at("within/b/c"))).toBe(at("within"));
    for (const path of ["within/b", "out/x", "dangling/x", "../top2", ".."])
      await expect(ownPath(fs, top, at(path))).rejects.toMatchObject({ code: "ERR_FOREIGN_LINK" });
    expect(await containedPath(fs, top, at("within/b/c"))).toBe(at("a/b/c"));
    expect(await containedPath(fs, top, at("a/new/file"))).toBe(at("a/new/file"));
    for (const path of ["out", "out/x", "dangling", "a/last", "a/last/x", "../x"])
      await expect(containedPath(fs, top, at(path))).rejects.toMatchObject({ code: "ERR_FOREIGN_LINK" });
  });
});
