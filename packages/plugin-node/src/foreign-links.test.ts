import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import type { Plugin, RunResult } from "@deployer/core";
import { type CommitFiles, deployerWith, type TestDeployer } from "@deployer/core/testing";
import { describe, expect, it } from "vitest";
import { node } from "./node.ts";
import type { NodeOptions } from "./options.ts";

const LIVE = ["site/server.js", "site/data/rows", "site/assets/photo", "site/route-cache/row", "data/uploads/photo"];

/** A root with live data beside an app, whose commit has these links. */
async function appWith(
  files: CommitFiles,
  links: Readonly<Record<string, string>>,
  options: NodeOptions = {},
  shared: readonly string[] = [],
): Promise<TestDeployer> {
  const linking: Plugin = {
    name: "links",
    async prepare({ release }) {
      for (const [path, target] of Object.entries(links)) {
        mkdirSync(dirname(join(release.path, path)), { recursive: true });
        symlinkSync(target, join(release.path, path));
      }
    },
  };
  const app = await deployerWith({ plugins: [linking, node({ install: false, ...options })], config: { shared } });
  for (const path of LIVE) {
    mkdirSync(dirname(join(app.paths.shared, path)), { recursive: true });
    writeFileSync(join(app.paths.shared, path), "live");
  }
  app.remote.push(files);
  return app;
}

function expectUntouched(app: TestDeployer): void {
  for (const path of LIVE) expect(readFileSync(join(app.paths.shared, path), "utf8")).toBe("live");
  expect(readdirSync(join(app.paths.shared, "site")).sort()).toEqual(["assets", "data", "route-cache", "server.js"]);
  expect(readdirSync(join(app.paths.shared, "site/assets"))).toEqual(["photo"]);
}

/** `next build` with a standalone server; `more` runs at its end. */
function nextBuild(relativeAppDir: string, more = ""): CommitFiles {
  return {
    "build.cjs": `
      const { mkdirSync, realpathSync, symlinkSync, writeFileSync } = require("node:fs");
      mkdirSync(".next/standalone/.next", { recursive: true });
      writeFileSync(".next/required-server-files.json", JSON.stringify({ relativeAppDir: ${JSON.stringify(relativeAppDir)} }));
      writeFileSync(".next/standalone/server.js", "");
      ${more}`,
  };
}

const BUILD: NodeOptions = { build: [process.execPath, "build.cjs"] };

async function expectForeign(app: TestDeployer): Promise<RunResult> {
  const result = await app.deployer.check();
  expect(result).toMatchObject({ exitCode: 4, error: { code: "ERR_FOREIGN_LINK" } });
  return result;
}

describe("a standalone build", () => {
  it("whose server lies outside, by what the build says, is refused", async () => {
    await using app = await appWith(nextBuild("../../../../shared/site"), {}, BUILD, ["data/"]);
    await expectForeign(app);
    expectUntouched(app);
  });

  it("in which a folder is a link to live data has nothing removed through it", async () => {
    const more = 'symlinkSync(require("node:path").dirname(realpathSync("data/uploads")), ".next/standalone/data");';
    await using app = await appWith(nextBuild("", more), {}, BUILD, ["data/uploads/"]);
    expect(await app.deployer.check()).toMatchObject({ outcome: "deployed" });
    expectUntouched(app);
  });

  it("whose `server` folder is a link has no pages forgotten through it", async () => {
    const more = 'symlinkSync("../../../shared/site", ".next/server");';
    await using app = await appWith(nextBuild("", more), {}, BUILD);
    await app.deployer.check();
    expectUntouched(app);
  });
});

it("static files of earlier releases are not copied through a link", async () => {
  const build = `
    const { existsSync, mkdirSync, writeFileSync } = require("node:fs");
    if (!existsSync("dist")) { mkdirSync("dist/assets", { recursive: true }); writeFileSync("dist/assets/1.js", ""); }`;
  const files = { "package.json": JSON.stringify({ devDependencies: { vite: "1" } }), "build.cjs": build };
  await using app = await appWith(files, {}, BUILD);
  expect(await app.deployer.check()).toMatchObject({ outcome: "deployed" });
  app.remote.push({ ...files, more: "" });
  const linking: Plugin = {
    name: "links",
    prepare: async ({ release }) => symlinkSync("../../shared/site", join(release.path, "dist")),
  };
  const next = await app.with({ plugins: [linking, node({ install: false, ...BUILD })] });
  expect(await next.deployer.check()).toMatchObject({ outcome: "deployed" });
  expectUntouched(app);
});

describe("an installation", () => {
  const files = {
    "package.json": JSON.stringify({ name: "shop", version: "1.0.0", workspaces: ["packages/*"] }),
    "packages/a/package.json": JSON.stringify({ name: "a", version: "1.0.0" }),
    "package-lock.json": JSON.stringify({
      ...{ name: "shop", version: "1.0.0", lockfileVersion: 3, requires: true },
      packages: {
        "": { name: "shop", version: "1.0.0", workspaces: ["packages/*"] },
        "node_modules/a": { resolved: "packages/a", link: true },
        "packages/a": { version: "1.0.0" },
      },
    }),
  };

  it("takes the place of links named node_modules, and removes nothing of what they lead to", async () => {
    const links = { node_modules: "../../shared/site", "packages/a/node_modules": "../../../../shared/site" };
    await using app = await appWith(files, links, { install: true, build: false });
    const result = await app.deployer.check();
    expect(result).toMatchObject({ outcome: "deployed" });
    expect(result.warnings).toEqual([expect.stringContaining("node_modules, packages/a/node_modules")]);
    expectUntouched(app);
    expect(lstatSync(join(app.paths.current, "node_modules")).isDirectory()).toBe(true);
    expect(existsSync(join(app.paths.current, "packages/a/node_modules"))).toBe(false);
  });

  it("takes no lockfile that is a link out of the release", async () => {
    const { "package-lock.json": lockfile, ...rest } = files;
    await using app = await appWith(rest, { "package-lock.json": "../../lock" }, { install: true, build: false });
    writeFileSync(join(app.root, "lock"), lockfile as string);
    await expectForeign(app);
    rmSync(join(app.root, "lock"));
  });
});
