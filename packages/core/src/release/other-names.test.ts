import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, readFileSync, realpathSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { resolveConfig } from "../config/resolve.ts";
import { definePlugin } from "../plugin/define-plugin.ts";
import type { Plugin } from "../plugin/plugin.ts";
import { deployerWith, type TestDeployer, temporaryDirectory } from "../testing/index.ts";
import { isInside } from "./inside.ts";
import { namedHere } from "./named-here.ts";

/** A process at work in a folder, until its block ends. */
async function workingIn(cwd: string): Promise<Disposable> {
  const child = spawn("sleep", ["300"], { cwd, stdio: "ignore" });
  await once(child, "spawn");
  return { [Symbol.dispose]: () => void child.kill("SIGKILL") };
}

/** A deployer on a root that is named through a link, one of whose folders may be elsewhere. */
async function linkedRoot(
  folder: string,
  elsewhere: readonly string[] = [],
  plugins: readonly Plugin[] = [],
): Promise<TestDeployer> {
  const real = join(folder, "real", "root");
  mkdirSync(real, { recursive: true });
  for (const name of elsewhere) {
    mkdirSync(join(folder, "disk", name), { recursive: true });
    symlinkSync(join(folder, "disk", name), join(real, name));
  }
  symlinkSync("real", join(folder, "link"));
  return deployerWith({ root: join(folder, "link", "root"), plugins, config: { shared: ["data/"], keepReleases: 1 } });
}

describe("a root that is named through a link", () => {
  it("is one place: the config has its real path, also before it is there", async () => {
    await using folder = temporaryDirectory();
    mkdirSync(join(folder.path, "real"));
    symlinkSync("real", join(folder.path, "link"));
    const plugin = definePlugin(() => ({ name: "x" }))();
    const rootOf = async (root?: string): Promise<string> => {
      const input = { app: "shop", plugins: [plugin], ...(root === undefined ? {} : { root }) };
      return (await resolveConfig(input, { folder: join(folder.path, "link") })).config.root;
    };
    expect(await rootOf()).toBe(join(folder.path, "real"));
    expect(await rootOf("shop/staging")).toBe(join(folder.path, "real/shop/staging"));
    mkdirSync(join(folder.path, "real/shop"));
    expect(await rootOf("shop")).toBe(join(folder.path, "real/shop"));
  });

  it.each([[[]], [["releases"]], [["releases", "shared"]], [["shared"]]])(
    "keeps a release that a process works in, and links what is shared, with %j elsewhere",
    async (elsewhere) => {
      await using folder = temporaryDirectory();
      const app = await linkedRoot(folder.path, elsewhere);
      const first = (await app.deployer.check()).release?.id as string;
      using _worker = await workingIn(join(app.root, "current"));
      for (let n = 2; n <= 4; n += 1) await app.deployer.deploy();
      expect(readdirSync(app.paths.releases)).toContain(first);
      expect(readdirSync(app.paths.releases)).toHaveLength(3);
      writeFileSync(join(app.paths.shared, "data/row"), "1");
      expect(readFileSync(join(app.root, "current/data/row"), "utf8")).toBe("1");
      expect(app.paths.releases).toBe(realpathSync(join(app.root, "releases")));
    },
  );

  it("keeps a failed release that a process still works in", async () => {
    await using folder = temporaryDirectory();
    let worker: Disposable | undefined;
    let path = "";
    const failing: Plugin = {
      name: "failing",
      activate: {
        order: "post",
        async handler({ release, previous }) {
          if (previous === undefined) return;
          path = release.path;
          worker = await workingIn(join(folder.path, "link/root/current"));
          throw new Error("it is bad");
        },
      },
    };
    const app = await linkedRoot(folder.path, [], [failing]);
    await app.deployer.check();
    app.remote.push({ bad: "" });
    const result = await app.deployer.check();
    using _worker = worker as Disposable;
    expect(result).toMatchObject({ exitCode: 4, undoFailures: [] });
    expect(result.warnings).toEqual([`A process still works in ${path}; it is removed by a later run.`]);
    expect(existsSync(path)).toBe(true);
  });
});

describe("a path by another name", () => {
  it("is told by what it leads to, and `current` is not followed", async () => {
    await using folder = temporaryDirectory();
    const app = await linkedRoot(folder.path, ["releases"]);
    const id = (await app.deployer.check()).release?.id as string;
    symlinkSync(join(app.root, "current"), join(folder.path, "www"));
    const { root, releases } = app.paths;
    const named = (path: string): string => namedHere(app.paths, path);
    expect(named(join(folder.path, "link/root/current/server.js"))).toBe(join(root, "current/server.js"));
    expect(named(join(root, "current/server.js"))).toBe(join(root, "current/server.js"));
    expect(named(join(root, "releases", id, "a"))).toBe(join(root, "releases", id, "a"));
    expect(named(join(folder.path, "disk/releases", id, "a"))).toBe(join(releases, id, "a"));
    expect(named(join(folder.path, "www/a"))).toBe(join(releases, id, "a"));
    expect(named("/usr/lib/node_modules/pm2")).toBe("/usr/lib/node_modules/pm2");
    expect(named("server.js")).toBe("server.js");
    expect(named("")).toBe("");
  });

  it.each([
    ["/srv/shop", "/srv/shop", true],
    ["/srv/shop/a", "/srv/shop", true],
    ["/srv/shop-2/a", "/srv/shop", false],
    ["/srv", "/srv/shop", false],
    ["/srv", "/", true],
  ])("%s is inside %s: %s", (path, root, inside) => {
    expect(isInside(path, root)).toBe(inside);
  });
});
