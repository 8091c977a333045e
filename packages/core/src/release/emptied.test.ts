import { existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Plugin } from "../plugin/plugin.ts";
import { deployerWith, type TestDeployer } from "../testing/index.ts";

/** A build that asks for an empty directory and writes down what it finds there. */
function emptying(path: string, seen: { found?: string[] }, write?: string): Plugin {
  return {
    name: "emptying",
    async build({ links, release }) {
      await links.empty(path);
      await links.empty(path);
      seen.found = readdirSync(join(release.appPath, path)).sort();
      if (write !== undefined) writeFileSync(join(release.appPath, path, write), "");
    },
  };
}

function withUploads(app: TestDeployer): void {
  mkdirSync(join(app.paths.shared, "public/uploads"), { recursive: true });
  writeFileSync(join(app.paths.shared, "public/uploads/a.png"), "a picture");
}

describe("a shared directory that is emptied for the build", () => {
  it("is the shared one again after the build, and lost nothing", async () => {
    const seen = {};
    const later: { gate?: string } = {};
    const looking: Plugin = {
      name: "looking",
      async gate({ release }) {
        later.gate = readFileSync(join(release.appPath, "public/uploads/a.png"), "utf8");
      },
    };
    await using app = await deployerWith({
      plugins: [emptying("public/uploads", seen), looking],
      config: { shared: ["public/uploads/"] },
    });
    withUploads(app);
    expect(await app.deployer.check()).toMatchObject({ outcome: "deployed", warnings: [] });
    expect(seen).toEqual({ found: [] });
    expect(later).toEqual({ gate: "a picture" });
    expect(readlinkSync(join(app.paths.current, "public/uploads"))).toBe("../../../shared/public/uploads");
  });

  it("drops what the build wrote there, and tells it", async () => {
    const plugins = [emptying("public/uploads", {}, "thumb.png")];
    await using app = await deployerWith({ plugins, config: { shared: ["public/uploads/"] } });
    withUploads(app);
    expect((await app.deployer.check()).warnings).toEqual([
      "The build wrote into public/uploads, which was empty for it: thumb.png. It is dropped.",
    ]);
    expect(readdirSync(join(app.paths.shared, "public/uploads"))).toEqual(["a.png"]);
  });

  it("keeps the copies in a stand-in, and loses only the links beside them until the build is over", async () => {
    const seen: { found?: string[]; gate?: string[] } = {};
    const copying: Plugin = {
      name: "copying",
      async link(paths) {
        const fill = async (standIn: string): Promise<undefined> =>
          writeFileSync(join(standIn, "shop.db"), "") as undefined;
        return [...paths, { path: "data", kind: "directory", substitutes: [{ owns: ["data/shop.db"], fill }] }];
      },
      async gate({ release, copies, paths }) {
        seen.gate = readdirSync(join(release.appPath, "data")).sort();
        expect(copies).toEqual([
          {
            name: "data/shop.db",
            live: join(paths.shared, "data/shop.db"),
            copy: join(release.appPath, ".rehearsal/data/shop.db"),
          },
        ]);
      },
    };
    await using app = await deployerWith({ plugins: [copying, emptying("data", seen)], config: { shared: ["data/"] } });
    mkdirSync(join(app.paths.shared, "data/uploads"), { recursive: true });
    writeFileSync(join(app.paths.shared, "data/shop.db"), "live");
    expect(await app.deployer.check()).toMatchObject({ outcome: "deployed", warnings: [] });
    expect(seen).toEqual({ found: ["shop.db"], gate: ["shop.db", "uploads"] });
    expect(existsSync(join(app.paths.shared, "data/uploads"))).toBe(true);
  });

  it("cannot be a file", async () => {
    await using app = await deployerWith({ plugins: [emptying(".env", {})], config: { shared: [".env"] } });
    mkdirSync(app.paths.shared, { recursive: true });
    writeFileSync(join(app.paths.shared, ".env"), "");
    expect(await app.deployer.check()).toMatchObject({ outcome: "failed", error: { code: "ERR_SHARED_PATH" } });
  });
});
