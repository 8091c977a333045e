import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { delimiter, join } from "node:path";
import { deployerWith, gitRepository, type TestDeployer, temporaryDirectory } from "@deployer/core/testing";
import { describe, expect, it } from "vitest";
import { git } from "./git.ts";

function appOf(remote: string, environment: NodeJS.ProcessEnv = process.env): Promise<TestDeployer> {
  return deployerWith({ remote: false, plugins: [git({ remote })], options: { environment } });
}

function read(app: TestDeployer, path: string): string {
  return readFileSync(join(app.paths.current, path), "utf8");
}

describe("a release from git", () => {
  it("has every file of the commit with its mode, links too, and no .git", async () => {
    await using repo = gitRepository({ "src/a.js": "a", "with space/ü.txt": "u" });
    writeFileSync(join(repo.path, "run.sh"), "#!/bin/sh\n", { mode: 0o755 });
    symlinkSync("src/a.js", join(repo.path, "link"));
    repo.commit();
    await using app = await appOf(repo.path);
    expect(await app.deployer.check()).toMatchObject({ outcome: "deployed", warnings: [] });
    expect(readdirSync(app.paths.current).sort()).toEqual(["REVISION", "link", "run.sh", "src", "with space"]);
    expect(read(app, "with space/ü.txt")).toBe("u");
    expect(readlinkSync(join(app.paths.current, "link"))).toBe("src/a.js");
    expect(statSync(join(app.paths.current, "run.sh")).mode & 0o111).toBe(0o111);
  });

  it("is a checkout, not an archive: export-ignore is there, export-subst and line endings are as a checkout has them", async () => {
    await using repo = gitRepository({
      ".gitattributes": "tests export-ignore\nversion.txt export-subst\n*.bat text eol=crlf\n",
      "tests/a.test.js": "",
      "version.txt": "$Format:%H$",
      "run.bat": "echo\n",
    });
    await using app = await appOf(repo.path);
    await app.deployer.check();
    expect(existsSync(join(app.paths.current, "tests/a.test.js"))).toBe(true);
    expect(read(app, "version.txt")).toBe("$Format:%H$");
    expect(read(app, "run.bat")).toBe("echo\r\n");
  });

  it("has nothing of the release before it", async () => {
    await using repo = gitRepository({ gone: "", kept: "" });
    await using app = await appOf(repo.path);
    await app.deployer.check();
    repo.commit({ gone: null });
    await app.deployer.check();
    expect(readdirSync(app.paths.current).sort()).toEqual(["REVISION", "kept"]);
  });

  it("that cannot be written says what git said, and leaves nothing behind", async () => {
    await using folder = temporaryDirectory();
    await using repo = gitRepository({ ".gitattributes": "*.js filter=mangle\n", "index.js": "not empty" });
    writeFileSync(join(folder.path, ".gitconfig"), '[filter "mangle"]\n\tsmudge = false\n\trequired = true\n');
    await using app = await appOf(repo.path, { ...process.env, HOME: folder.path });
    const result = await app.deployer.check();
    expect(result).toMatchObject({ exitCode: 4, error: { code: "ERR_CHECKOUT" } });
    expect(result.error?.message).toContain("smudge filter mangle failed");
    expect(readdirSync(app.paths.releases)).toEqual([]);
    expect(readdirSync(app.paths.state).filter((name) => name.startsWith("index"))).toEqual([]);
  });
});

describe("submodules", () => {
  /** A home whose git may clone from a folder. */
  function home(path: string): NodeJS.ProcessEnv {
    writeFileSync(join(path, ".gitconfig"), '[protocol "file"]\n\tallow = always\n');
    return { ...process.env, HOME: path };
  }

  it.each(["absolute", "relative"])("come along, at an %s address, and leave no .git", async (kind) => {
    await using folder = temporaryDirectory();
    await using inner = gitRepository({ "deep.js": "deep" });
    await using lib = gitRepository({ "lib.js": "one" });
    lib.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", inner.path, "inner");
    lib.commit();
    await using repo = gitRepository({ "index.js": "" });
    repo.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", lib.path, "vendor/lib");
    if (kind === "relative") {
      const [name] = lib.path.split("/").slice(-1);
      repo.git("config", "--file", ".gitmodules", "submodule.vendor/lib.url", `../${name}`);
    }
    repo.commit();
    await using app = await appOf(repo.path, home(folder.path));
    expect(await app.deployer.check()).toMatchObject({ outcome: "deployed", error: null });
    expect(read(app, "vendor/lib/lib.js")).toBe("one");
    expect(read(app, "vendor/lib/inner/deep.js")).toBe("deep");
    const names = readdirSync(app.paths.current, { recursive: true }) as string[];
    expect(names.filter((name) => name.split("/").includes(".git"))).toEqual([]);

    lib.commit({ "lib.js": "two" });
    repo.git("-C", "vendor/lib", "-c", "protocol.file.allow=always", "pull", "--quiet", lib.path, "main");
    repo.commit();
    expect(await app.deployer.check()).toMatchObject({ outcome: "deployed", error: null });
    expect(read(app, "vendor/lib/lib.js")).toBe("two");
  });
});

it("a submodule whose path holds a line end removes nothing outside the release", async () => {
  await using folder = temporaryDirectory();
  writeFileSync(join(folder.path, ".gitconfig"), '[protocol "file"]\n\tallow = always\n');
  await using lib = gitRepository({ "lib.js": "" });
  await using repo = gitRepository();
  const path = "a\n../victim";
  repo.git("update-index", "--add", "--cacheinfo", `160000,${lib.git("rev-parse", "HEAD")},${path}`);
  for (const [key, value] of [
    ["path", path],
    ["url", lib.path],
  ] as const)
    repo.git("config", "--file", ".gitmodules", `submodule.odd.${key}`, value);
  repo.git("add", ".gitmodules");
  repo.git("commit", "--quiet", "--message", "odd");
  await using app = await appOf(repo.path, { ...process.env, HOME: folder.path });
  const git = join(app.paths.releases, "victim", ".git");
  mkdirSync(git, { recursive: true });
  expect(await app.deployer.check()).toMatchObject({ exitCode: 4 });
  expect(existsSync(git)).toBe(true);
});

describe("Git LFS", () => {
  const files = {
    ".gitattributes": "*.png filter=lfs diff=lfs merge=lfs -text\n",
    "logo.png": "version https://git-lfs…",
  };

  it("stops the run when git-lfs is not installed: the release would hold pointers", async () => {
    await using folder = temporaryDirectory();
    await using repo = gitRepository(files);
    // A PATH on which git is, and git-lfs is not.
    const found = (process.env.PATH ?? "").split(delimiter).find((path) => existsSync(join(path, "git")));
    symlinkSync(join(found as string, "git"), join(folder.path, "git"));
    await using app = await appOf(repo.path, { ...process.env, PATH: folder.path });
    expect(await app.deployer.check()).toMatchObject({
      exitCode: 2,
      error: { code: "ERR_LFS_MISSING", message: expect.stringContaining(".gitattributes") },
    });
    expect(readdirSync(app.paths.releases)).toEqual([]);
  });

  it("is not asked for where no attribute names it", async () => {
    await using repo = gitRepository({ ".gitattributes": "*.png -text\n", "logo.png": "png" });
    await using app = await appOf(repo.path);
    expect(await app.deployer.check()).toMatchObject({ outcome: "deployed" });
  });
});

it("what the deployer's user has in its environment does not lead git astray", async () => {
  await using repo = gitRepository({ a: "a" });
  const environment = {
    ...process.env,
    GIT_DIR: "/elsewhere",
    GIT_INDEX_FILE: "/elsewhere",
    GIT_WORK_TREE: "/elsewhere",
  };
  await using app = await appOf(repo.path, environment);
  expect(await app.deployer.check()).toMatchObject({ outcome: "deployed" });
  expect(read(app, "a")).toBe("a");
});
