import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Trial } from "../plugin/contexts.ts";
import type { Plugin } from "../plugin/plugin.ts";
import { deployerWith, type TestDeployer } from "../testing/index.ts";

/** Offers a copy of data/shop.db and asks for the running release to be tried, as a database plugin does. */
const migrating: Plugin = {
  name: "migrating",
  async link(paths, { tryPrevious }) {
    tryPrevious({ mayFail: true });
    const fill = async (standIn: string): Promise<undefined> =>
      writeFileSync(join(standIn, "shop.db"), "migrated copy") as undefined;
    return [...paths, { path: "data", kind: "directory", substitutes: [{ owns: ["data/shop.db"], fill }] }];
  },
};

/** Builds a package, and what `built` says; looks at each trial. */
function looking(
  seen: { trial: Trial; version: string; data: string }[],
  built = (_path: string): string => "plain",
): Plugin {
  return {
    name: "looking",
    async build({ release }) {
      mkdirSync(join(release.path, "node_modules/dep"), { recursive: true });
      writeFileSync(join(release.path, "node_modules/dep/index.js"), release.path);
      writeFileSync(join(release.path, "built.js"), built(release.path));
    },
    async gate({ trials }) {
      for (const trial of trials) {
        const read = (name: string): string => readFileSync(join(trial.directory, name), "utf8");
        seen.push({ trial, version: read("version"), data: read("data/shop.db") });
        if (trial.mayFail) writeFileSync(join(trial.directory, "version"), "written by the trial");
        if (trial.mayFail) writeFileSync(join(trial.directory, "data/shop.db"), "written by the trial");
      }
    },
  };
}

async function twoReleases(plugins: readonly Plugin[]): Promise<TestDeployer> {
  const app = await deployerWith({ plugins, config: { shared: ["data/"] } });
  mkdirSync(join(app.paths.shared, "data"), { recursive: true });
  writeFileSync(join(app.paths.shared, "data/shop.db"), "live");
  app.remote.push({ version: "one" });
  await app.deployer.check();
  app.remote.push({ version: "two" });
  return app;
}

describe("the running release, tried as well", () => {
  it("comes after the new one, as a clone of its own on the same copies, and leaves nothing", async () => {
    const seen: { trial: Trial; version: string; data: string }[] = [];
    await using app = await twoReleases([migrating, looking(seen)]);
    const result = await app.deployer.check();
    expect(result).toMatchObject({ outcome: "deployed", warnings: [] });
    expect(seen.map(({ version, data }) => [version, data])).toEqual([
      ["one", "migrated copy"],
      ["two", "migrated copy"],
      ["one", "migrated copy"],
    ]);
    const { trial } = seen[2]!;
    expect(trial).toMatchObject({ mayFail: true, release: { id: result.previous?.id } });
    expect(trial.environment.DEPLOYER_REVISION).toBe(result.previous?.revision);
    expect(trial.directory.startsWith(app.paths.rehearsal)).toBe(true);
    const before = join(app.paths.releases, result.previous!.id);
    expect(readFileSync(join(before, "version"), "utf8")).toBe("one");
    expect(readFileSync(join(app.paths.shared, "data/shop.db"), "utf8")).toBe("live");
    expect(lstatSync(join(before, "node_modules/dep/index.js")).nlink).toBe(1);
    expect(existsSync(app.paths.rehearsal)).toBe(false);
  });

  it("lies where nobody else can look, as all copies of data do, whatever the umask", async () => {
    const modes: Record<string, string> = {};
    const look = (path: string): void => {
      modes[path] = (statSync(path).mode & 0o777).toString(8);
      for (const entry of readdirSync(path, { withFileTypes: true }))
        if (entry.isDirectory() && !path.endsWith("/previous")) look(join(path, entry.name));
    };
    const curious: Plugin = {
      name: "curious",
      async link(paths, { copyBeside }) {
        copyBeside({ fill: async () => undefined });
        const fill = async (): Promise<undefined> => undefined;
        return [...paths, { path: "a/file.db", kind: "file", substitutes: [{ owns: ["a/file.db"], fill }] }];
      },
      async gate({ release, paths }) {
        for (const path of [join(release.appPath, ".rehearsal"), paths.rehearsal]) if (existsSync(path)) look(path);
      },
    };
    await using app = await twoReleases([migrating, curious, looking([])]);
    const umask = process.umask(0);
    try {
      expect(await app.deployer.check()).toMatchObject({ outcome: "deployed" });
    } finally {
      process.umask(umask);
    }
    expect(Object.keys(modes).join("\n")).toMatch(/\.beside\/0(.|\n)*\.deployer\/rehearsal\/[^/]*\/previous/);
    expect(modes).toEqual(Object.fromEntries(Object.keys(modes).map((path) => [path, "700"])));
  });

  it("goes to its own files where its build names the place it was built in", async () => {
    const seen: { trial: Trial; version: string; data: string }[] = [];
    const named: string[] = [];
    const reading: Plugin = {
      name: "reading",
      async gate({ trials }) {
        for (const { directory } of trials) named.push(readFileSync(join(directory, "built.js"), "utf8"));
      },
    };
    const twice = (path: string): string => `require("${path}/x", "${path}")`;
    await using app = await twoReleases([migrating, looking(seen, twice), reading]);
    const result = await app.deployer.check();
    expect(result).toMatchObject({ outcome: "deployed", warnings: [] });
    expect(named.slice(1)).toEqual(seen.slice(1).map(({ trial }) => twice(trial.directory)));
    const before = join(app.paths.releases, result.previous!.id);
    expect(readFileSync(join(before, "built.js"), "utf8")).toBe(twice(before));
  });

  it("leaves no clone when the gate fails", async () => {
    const seen: { trial: Trial; version: string; data: string }[] = [];
    const failing: Plugin = {
      name: "failing",
      async gate({ trials }) {
        if (trials.length > 1) throw new Error("bad");
      },
    };
    await using app = await twoReleases([migrating, looking(seen), failing]);
    expect(await app.deployer.check()).toMatchObject({ outcome: "failed" });
    expect(existsSync(app.paths.rehearsal)).toBe(false);
  });
});
