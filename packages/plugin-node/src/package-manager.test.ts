import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { nodeFileSystem, type ReleaseInfo } from "@deployer/core";
import { type TemporaryDirectory, temporaryDirectory } from "@deployer/core/testing";
import { describe, expect, it } from "vitest";
import { findInstallation, installCommand } from "./package-manager.ts";

interface TestRelease extends TemporaryDirectory {
  readonly release: ReleaseInfo;
}

function releaseWith(files: Readonly<Record<string, string>>, directory = "."): TestRelease {
  const folder = temporaryDirectory();
  for (const [name, text] of Object.entries({ [`${directory}/.keep`]: "", ...files })) {
    mkdirSync(dirname(join(folder.path, name)), { recursive: true });
    writeFileSync(join(folder.path, name), text);
  }
  const appPath = join(folder.path, directory);
  const revision = { hash: "h", ref: "main", remote: "memory" };
  return { ...folder, release: { id: "r1", revision, path: folder.path, appPath, sequence: 1 } };
}

describe("the package manager", () => {
  it.each([
    ["package-lock.json", "npm", ["npm", "ci", "--include=dev"]],
    ["npm-shrinkwrap.json", "npm", ["npm", "ci", "--include=dev"]],
    ["pnpm-lock.yaml", "pnpm", ["pnpm", "install", "--frozen-lockfile", "--prod=false"]],
    ["yarn.lock", "yarn", ["yarn", "install", "--frozen-lockfile", "--production=false"]],
    ["bun.lock", "bun", ["bun", "install", "--frozen-lockfile"]],
    ["bun.lockb", "bun", ["bun", "install", "--frozen-lockfile"]],
  ])(
    "of %s is %s, which installs exactly what it says, devDependencies included",
    async (lockfile, manager, command) => {
      await using at = releaseWith({ [lockfile]: "" });
      const found = await findInstallation(nodeFileSystem, at.release);
      expect(found).toMatchObject({
        manager,
        directory: at.path,
        lockfile: join(at.path, lockfile),
        version: undefined,
      });
      expect(installCommand(found!).slice(0, command.length)).toEqual(command);
    },
  );

  it("is modern yarn where its own config lies, and then refuses a lockfile that does not fit", async () => {
    await using at = releaseWith({ "yarn.lock": "", ".yarnrc.yml": "" });
    expect(installCommand((await findInstallation(nodeFileSystem, at.release))!)).toEqual([
      "yarn",
      "install",
      "--immutable",
    ]);
  });

  it.each([
    ["pnpm@9.1.0", "9.1.0"],
    ["pnpm@9.1.0+sha512.abc", "9.1.0"],
    ["npm@11.0.0", undefined],
  ])("is asked for in the version that package.json names for it: %s", async (packageManager, version) => {
    await using at = releaseWith({ "pnpm-lock.yaml": "", "package.json": JSON.stringify({ packageManager }) });
    expect(await findInstallation(nodeFileSystem, at.release)).toMatchObject({ manager: "pnpm", version });
  });

  it("of several lockfiles is the one that package.json names", async () => {
    const files = { "package-lock.json": "", "yarn.lock": "" };
    await using said = releaseWith({ ...files, "package.json": '{ "packageManager": "yarn@1.22.0" }' });
    expect(await findInstallation(nodeFileSystem, said.release)).toMatchObject({
      manager: "yarn",
      version: "1.22.0",
      lockfile: join(said.path, "yarn.lock"),
    });
  });

  it.each(["{}", '{ "packageManager": "pnpm@9.0.0" }'])(
    "of several lockfiles is not guessed: package.json %s",
    async (pkg) => {
      await using at = releaseWith({ "package-lock.json": "", "yarn.lock": "", "package.json": pkg });
      await expect(findInstallation(nodeFileSystem, at.release)).rejects.toMatchObject({
        code: "ERR_LOCKFILE_AMBIGUOUS",
        exitCode: 4,
        details: { lockfiles: expect.arrayContaining(["package-lock.json", "yarn.lock"]) },
      });
    },
  );

  it("of two lockfiles of the same manager is no question", async () => {
    await using at = releaseWith({ "bun.lock": "", "bun.lockb": "" });
    expect(await findInstallation(nodeFileSystem, at.release)).toMatchObject({ manager: "bun" });
  });
});

describe("in a monorepo", () => {
  it("the nearest lockfile counts, from the app upwards", async () => {
    const files = { "pnpm-lock.yaml": "", "apps/web/package.json": "{}", "apps/blog/package-lock.json": "" };
    await using web = releaseWith(files, "apps/web");
    expect(await findInstallation(nodeFileSystem, web.release)).toMatchObject({ manager: "pnpm", directory: web.path });
    await using blog = releaseWith(files, "apps/blog");
    expect(await findInstallation(nodeFileSystem, blog.release)).toMatchObject({
      manager: "npm",
      directory: join(blog.path, "apps/blog"),
    });
  });

  it("nothing above the release is looked at", async () => {
    await using outer = releaseWith({ "package-lock.json": "" }, "releases/r1/apps/web");
    const path = join(outer.path, "releases/r1");
    expect(await findInstallation(nodeFileSystem, { ...outer.release, path })).toBeUndefined();
  });
});

it("a package.json that is no JSON is named", async () => {
  await using at = releaseWith({ "package-lock.json": "", "package.json": "{ oops" });
  await expect(findInstallation(nodeFileSystem, at.release)).rejects.toMatchObject({
    code: "ERR_PACKAGE_JSON",
    message: expect.stringContaining(join(at.path, "package.json")),
  });
});
