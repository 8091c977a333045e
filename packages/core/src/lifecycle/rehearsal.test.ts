import { lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import type { Plugin } from "../plugin/plugin.ts";
import { deployerWith, type TestDeployer } from "../testing/index.ts";

const SHARED = { shared: ["data/", ".env"] } as const;

/** Offers a copy of data/shop.db, as a database plugin does. */
const copying: Plugin = {
  name: "copying",
  async link(paths, { paths: { shared } }) {
    return [
      ...paths,
      {
        path: "data",
        kind: "directory",
        substitutes: [
          {
            owns: ["data/shop.db"],
            async fill(standIn) {
              writeFileSync(join(standIn, "shop.db"), `copy of ${readFileSync(join(shared, "data/shop.db"), "utf8")}`);
              return { env: { SHOP_DB: join(standIn, "shop.db") } };
            },
          },
        ],
      },
    ];
  },
};

/** What build, gate, migrate and activate find at the shared path. */
function looking(seen: Record<string, unknown>): Plugin {
  const look =
    (stage: string) =>
    async ({ release }: { release: { appPath: string } }): Promise<void> => {
      seen[stage] = readFileSync(join(release.appPath, "data/shop.db"), "utf8");
    };
  return {
    name: "looking",
    async build(ctx) {
      await look("build")(ctx);
      seen.buildVariable = ctx.environment.SHOP_DB?.slice(ctx.release.appPath.length);
      seen.revision = ctx.environment.DEPLOYER_REVISION;
      writeFileSync(join(ctx.release.appPath, "data/shop.db"), "written by the build");
    },
    async gate(ctx) {
      await look("gate")(ctx);
      seen.onCopies = ctx.onCopies;
      seen.trials = ctx.trials.map(({ label, directory, environment }) => [
        label === ctx.release.id,
        directory === ctx.release.appPath,
        environment.SHOP_DB?.slice(directory.length),
      ]);
    },
    migrate: look("migrate"),
    activate: { order: "pre", handler: look("activate") },
  };
}

function withData(app: TestDeployer): void {
  mkdirSync(join(app.paths.shared, "data"), { recursive: true });
  writeFileSync(join(app.paths.shared, "data/shop.db"), "live");
  writeFileSync(join(app.paths.shared, ".env"), "A=1");
}

describe("a shared path with a substitute", () => {
  it("is the copy for build and gate, and the live one from migrate on", async () => {
    const seen: Record<string, unknown> = {};
    await using app = await deployerWith({ plugins: [copying, looking(seen)], config: SHARED });
    withData(app);
    const result = await app.deployer.check();
    expect(result).toMatchObject({ outcome: "deployed", warnings: [] });
    expect(seen).toEqual({
      build: "copy of live",
      buildVariable: "/.rehearsal/data/shop.db",
      revision: result.release?.revision,
      gate: "written by the build",
      onCopies: true,
      trials: [[true, true, "/.rehearsal/data/shop.db"]],
      migrate: "live",
      activate: "live",
    });
  });

  it("leaves the live file untouched, the real link in its place and no stand-in", async () => {
    await using app = await deployerWith({ plugins: [copying, looking({})], config: SHARED });
    withData(app);
    await app.deployer.check();
    expect(readFileSync(join(app.paths.shared, "data/shop.db"), "utf8")).toBe("live");
    expect(readlinkSync(join(app.paths.current, "data"))).toBe("../../shared/data");
    expect(readdirSync(app.paths.current).sort()).toEqual([".env", "REVISION", "data"]);
  });

  it("tells what a build wrote beside the copies, and drops it", async () => {
    const writing: Plugin = {
      name: "writing",
      async build({ release }) {
        writeFileSync(join(release.appPath, "data/cache.json"), "{}");
      },
    };
    await using app = await deployerWith({ plugins: [copying, writing], config: SHARED });
    withData(app);
    const { warnings } = await app.deployer.check();
    expect(warnings).toEqual(["Build or trial wrote into data: cache.json. It was on a copy and is dropped."]);
    expect(readdirSync(join(app.paths.shared, "data"))).toEqual(["shop.db"]);
  });

  it("fails the run when its last look does", async () => {
    const settling: Plugin = {
      name: "settling",
      async link(paths) {
        const settle = async (): Promise<void> => {
          throw new Error("the app migrates by itself");
        };
        return [
          ...paths,
          { path: "data", kind: "directory", substitutes: [{ owns: [], fill: async () => ({}), settle }] },
        ];
      },
    };
    await using app = await deployerWith({ plugins: [settling], config: SHARED });
    withData(app);
    const result = await app.deployer.check();
    expect(result.error?.message).toContain("the app migrates by itself");
    expect(app.current()).toBeUndefined();
  });

  it("ends what build and trial left running before the real link is swapped in", async () => {
    let pid = 0;
    const leaving: Plugin = {
      name: "leaving",
      async build({ runner, release, environment }) {
        const args = ["-c", "setsid sleep 300 >/dev/null 2>&1 & echo $!"];
        pid = Number((await runner.run({ file: "sh", args, cwd: release.path, env: environment })).stdout);
      },
      async migrate({ processes }) {
        expect(await processes.identity(pid)).toBeUndefined();
      },
    };
    await using app = await deployerWith({ plugins: [leaving] });
    expect(await app.deployer.check()).toMatchObject({ outcome: "deployed" });
    expect(app.reporter.of("info").map(({ text }) => text)).toContain(
      "Ended 1 process that build or trial had left running.",
    );
  });
});

describe("a link that the build replaced", () => {
  const replacing = (stage: "build" | "migrate"): Plugin => ({
    name: "replacing",
    async [stage]({ release }: { release: { appPath: string } }) {
      rmSync(join(release.appPath, "data"));
      mkdirSync(join(release.appPath, "data"));
    },
  });

  it.each(["build", "migrate"] as const)("stops the run before traffic when %s did it", async (stage) => {
    await using app = await deployerWith({ plugins: [replacing(stage)], config: SHARED });
    withData(app);
    expect(await app.deployer.check()).toMatchObject({ exitCode: 4, error: { code: "ERR_LINK_CHANGED" } });
    expect(app.current()).toBeUndefined();
    expect(readFileSync(join(app.paths.shared, "data/shop.db"), "utf8")).toBe("live");
  });

  it("stops the run before anything live is touched", async () => {
    const migrating = vi.fn(async () => undefined);
    const plugins = [replacing("build"), { name: "migrating", migrate: migrating }];
    await using app = await deployerWith({ plugins, config: SHARED });
    withData(app);
    expect(await app.deployer.check()).toMatchObject({ error: { code: "ERR_LINK_CHANGED" } });
    expect(migrating).not.toHaveBeenCalled();
  });
});

it("tells when the repository's own files give way to a shared path", async () => {
  await using app = await deployerWith({ config: { shared: ["data/"] } });
  app.remote.push({ "data/old.db": "from git" });
  expect((await app.deployer.check()).warnings.join()).toContain("The repository has its own data");
  expect(lstatSync(join(app.paths.current, "data")).isSymbolicLink()).toBe(true);
});

it("refuses a shared path of a plugin that overlaps the config's", async () => {
  const plugins: Plugin[] = [
    {
      name: "sharing",
      async link(paths) {
        return [...paths, { path: "data/uploads", kind: "directory" }];
      },
    },
  ];
  await using app = await deployerWith({ plugins, config: { shared: ["data/"] } });
  expect(await app.deployer.check()).toMatchObject({ exitCode: 4, error: { code: "ERR_PLUGIN_ANSWER" } });
});

it("leaves the gate out when a plugin asks for it in link, and warns that the release is not proven", async () => {
  const calls: string[] = [];
  const plugin: Plugin = {
    name: "careful",
    async link(paths, ctx) {
      ctx.skipGate("The live database is not ready for it.");
      return paths;
    },
    async gate() {
      calls.push("gate");
    },
    async migrate() {
      calls.push("migrate");
    },
  };
  await using app = await deployerWith({ plugins: [plugin] });
  const result = await app.deployer.check();
  expect(result).toMatchObject({ outcome: "deployed" });
  expect(result.warnings.join()).toContain("The live database is not ready for it.");
  expect(calls).toEqual(["migrate"]);
});
