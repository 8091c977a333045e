import { rename } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { describe, expect } from "vitest";
import { gitAndNode, packageJson, plainApp, withBuild } from "./support/apps.ts";
import { expectError, expectOutcome } from "./support/expect-outcome.ts";
import { type Answer, type Site, test } from "./support/site.ts";

describe("a config that is wrong", () => {
  test("is missing: the folder that was looked into is named", async ({ site }) => {
    const json = expectError(await site.deployer(["check", "--json"]), "ERR_CONFIG_MISSING", 2);
    expect(json.error?.message).toContain(site.root);
    const named = expectError(await site.deployer(["check", "--json", "--config", "no.json"]), "ERR_CONFIG_MISSING", 2);
    expect(named.error?.message).toContain(join(site.root, "no.json"));
    expect(await site.footprint()).toEqual({ current: null, releases: [], leftovers: [] });
  });

  test("cannot be parsed: the file is named", async ({ site }) => {
    await site.put("deployer.config.yaml", "app: [shop\n");
    const json = expectError(await site.deployer(["check", "--json"]), "ERR_CONFIG_LOAD", 2);
    expect(json.error?.message).toContain("deployer.config.yaml");
  });

  test("is invalid: every problem at once, with the option's path and the accepted form", async ({ site }) => {
    await site.configure({
      app: "my shop",
      keepReleases: 0,
      shared: ["/etc", "../up"],
      colour: "red",
      apps: {},
      plugins: [
        ["@deployer/plugin-git", { remote: 5, branch: "main" }],
        ["@deployer/plugin-node", { build: 7 }],
      ],
    });
    const json = expectError(await site.deployer(["check", "--json"]), "ERR_CONFIG", 2);
    const problems = json.error?.details.problems as { option: string; problem: string }[];
    const told = Object.fromEntries(problems.map(({ option, problem }) => [option, problem]));
    expect(told).toMatchObject({
      app: expect.stringContaining("expected letters"),
      keepReleases: expect.stringContaining("at least 1"),
      "shared[0]": expect.stringContaining("expected a path relative to the app"),
      "shared[1]": 'must not leave the app with ".."',
      colour: "no such option",
      apps: expect.stringContaining("planned"),
      "git.remote": expect.stringContaining("expected an address"),
      "git.branch": "no such option",
      "node.build": expect.stringContaining("expected the name of a script"),
    });
    for (const { option } of problems) expect(json.error?.message).toContain(`${option}: `);
    expect(await site.footprint()).toEqual({ current: null, releases: [], leftovers: [] });
  });

  test("names a plugin that is not there", async ({ site }) => {
    await site.configure({ plugins: [...gitAndNode(site.remote), "deployer-plugin-nowhere", "./mine.mjs"] });
    const json = expectError(await site.deployer(["check", "--json"]), "ERR_CONFIG", 2);
    expect(json.error?.message).toContain('plugins[2]: the plugin "deployer-plugin-nowhere" cannot be loaded');
    expect(json.error?.message).toContain('plugins[3]: the plugin "./mine.mjs" cannot be loaded');
  });

  test("has a plugin with a misspelt stage: the stages that there are are named", async ({ site }) => {
    await site.put(
      "deployer.config.mjs",
      `import { defineConfig, definePlugin } from "@deployer/core";
       const mine = definePlugin(() => ({ name: "mine", async biuld() {} }));
       export default defineConfig({ app: "shop", plugins: [mine()] });`,
    );
    const json = expectError(await site.deployer(["check", "--json"]), "ERR_CONFIG", 2);
    expect(json.error?.message).toContain('"biuld" is no stage; there are detect, prepare, link, build');
    expect(await site.footprint()).toEqual({ current: null, releases: [], leftovers: [] });
  });

  test("has no plugin that knows where the ref stands", async ({ site }) => {
    await site.configure({ plugins: ["@deployer/plugin-node"] });
    expectError(await site.deployer(["check", "--json"]), "ERR_NO_REVISION", 2);
  });

  test("can be written by everybody, which would let them run code", async ({ site }) => {
    await site.configure();
    const text = await site.read("deployer.config.json");
    await site.put("deployer.config.json", text, 0o666);
    const json = expectError(await site.deployer(["check", "--json"]), "ERR_INSECURE_MODE", 2);
    expect(json.error?.hint).toBe(`chmod o-w ${join(site.root, "deployer.config.json")}`);
  });
});

describe("a remote that is wrong", () => {
  test("cannot be reached: nothing changes, nothing is held, and the next check asks again", async ({ site }) => {
    await deployedOnce(site);
    await site.commit(plainApp("2"));
    await rename(site.remote, `${site.remote}.away`);
    await unchanged(site, async () => {
      const json = expectError(await site.deployer(["check", "--json"]), "ERR_REMOTE_UNREACHABLE", 7);
      expect(json.error?.hint).toMatch(/: GIT_TERMINAL_PROMPT=0 git -C \S+ ls-remote /);
    });
    await rename(`${site.remote}.away`, site.remote);
    expectOutcome(await site.deployer(["check", "--json"]), "deployed");
  });

  test("has no such branch", async ({ site }) => {
    await deployedOnce(site);
    await site.configure({ plugins: [["@deployer/plugin-git", { remote: site.remote, ref: "production" }]] });
    await unchanged(site, async () => {
      const json = expectError(await site.deployer(["check", "--json"]), "ERR_REF_MISSING", 2);
      expect(json.error?.message).toContain('no branch or tag "production"');
    });
  });

  test("never answers: it is given up after askTimeoutMs, and nothing waits on", async ({ site }) => {
    await deployedOnce(site);
    const options = { remote: site.remote, askTimeoutMs: 1_000 };
    await site.configure({ plugins: [["@deployer/plugin-git", options], "@deployer/plugin-node"] });
    // As ssh does it: a program that git starts holds the line.
    const git = await fakeGit(site, "sleep 600\n");
    await unchanged(site, async () => {
      expectError(await site.deployer(["check", "--json"], { env: git }), "ERR_REMOTE_UNREACHABLE", 7);
    });
    expectOutcome(await site.deployer(["check", "--json"]), "up-to-date");
  });

  test("has a password in its address: no output shows it", async ({ site }) => {
    const remote = "https://ada:hunter2hunter2@127.0.0.1:1/shop.git";
    await site.configure({ plugins: [["@deployer/plugin-git", { remote }]] });
    const answer = await site.deployer(["check", "--json"]);
    expectError(answer, "ERR_REMOTE_UNREACHABLE", 7);
    const text = await site.deployer(["check"]);
    const status = await site.deployer(["status", "--json"]);
    for (const { stdout, stderr } of [answer, text, status]) expect(stdout + stderr).not.toContain("hunter2");
    expect(text.stderr).toContain("ada:[redacted]@127.0.0.1");
  });

  test("could run a program by its address", async ({ site }) => {
    await site.configure({ plugins: [["@deployer/plugin-git", { remote: "ext::sh -c touch% pwned" }]] });
    const json = expectError(await site.deployer(["check", "--json"]), "ERR_CONFIG", 2);
    expect(json.error?.message).toContain("git.remote");
  });
});

describe("a revision that is wrong", () => {
  test("has dependencies and no lockfile: refused, undone, and held until a new commit comes", async ({ site }) => {
    await deployedOnce(site);
    await site.commit({ "package.json": packageJson({}, { dependencies: { tool: "^1.0.0" } }) });
    await unchanged(site, async () => {
      expectError(await site.deployer(["check", "--json"]), "ERR_LOCKFILE_MISSING", 4);
      expectOutcome(await site.deployer(["check", "--json"]), "held");
    });
  });

  test("does not build: refused, undone, tried again later, and a check until then is quiet about it", async ({
    site,
  }) => {
    await deployedOnce(site);
    await site.commit(withBuild(`console.error("the compiler says no"); process.exit(7);`));
    await unchanged(site, async () => {
      const failed = expectError(await site.deployer(["check", "--json"]), "ERR_BUILD_FAILED", 4);
      expect(failed.error?.message).toContain("the compiler says no");
      expect(failed.release).toBeNull();
      expect(failed.stages.at(-1)).toMatchObject({ name: "build", outcome: "failed" });
      const quiet = await site.deployer(["check", "--quiet"]);
      expect({ exitCode: quiet.exitCode, stdout: quiet.stdout, stderr: quiet.stderr }).toEqual({
        exitCode: 0,
        stdout: "",
        stderr: "",
      });
      expectOutcome(await site.deployer(["check", "--json"]), "backing-off");
      expect((await site.deployer(["status"])).stdout).toMatch(/waiting +[0-9a-f]{7}:/);
    });
    await site.commit(plainApp("2"));
    expectOutcome(await site.deployer(["check", "--json"]), "deployed");
    expect(await site.read("current/built.txt")).toBe("built from 2\n");
  });

  test("that waits is tried again by a person's deploy, and when the config has changed", async ({ site }) => {
    await site.configure({ env: ["BROKEN"], plugins: gitAndNode(site.remote) });
    await site.commit(withBuild(`process.exit(process.env.BROKEN === "yes" ? 1 : 0)`));
    const broken = { env: { BROKEN: "yes" } };
    expectError(await site.deployer(["check", "--json"], broken), "ERR_BUILD_FAILED", 4);
    expectError(await site.deployer(["deploy", "--json"], broken), "ERR_BUILD_FAILED", 4);
    expectOutcome(await site.deployer(["check", "--json"]), "backing-off");
    await site.configure({ env: ["BROKEN"], keepReleases: 3, plugins: gitAndNode(site.remote) });
    expectOutcome(await site.deployer(["check", "--json"]), "deployed");
  });

  test("replaces a shared path by its own files in the build", async ({ site }) => {
    await deployedOnce(site, { shared: ["data/"] });
    await site.commit(
      withBuild(`
        const fs = require("node:fs");
        fs.rmSync("data");
        fs.mkdirSync("data");
      `),
    );
    await unchanged(site, async () => {
      const json = expectError(await site.deployer(["check", "--json"]), "ERR_LINK_CHANGED", 4);
      expect(json.stages.at(-1)).toMatchObject({ name: "migrate", outcome: "failed" });
    });
  });

  test("starts a process in its build that would outlive it: it is ended with the build", async ({ site }) => {
    await deployedOnce(site);
    await site.commit(
      withBuild(`
        const { spawn } = require("node:child_process");
        spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { detached: true, stdio: "ignore" }).unref();
        process.exit(1);
      `),
    );
    await unchanged(site, async () => {
      expectError(await site.deployer(["check", "--json"]), "ERR_BUILD_FAILED", 4);
      expect(await site.strays()).toEqual([]);
    });
  });
});

describe("a machine that is not ready", () => {
  test("lacks shared files: all are named, nothing begins, and nothing is held", async ({ site }) => {
    await deployedOnce(site);
    await site.configure({ shared: [".env", "keys/app.pem"], plugins: gitAndNode(site.remote) });
    await site.commit(plainApp("2"));
    await unchanged(site, async () => {
      const json = expectError(await site.deployer(["check", "--json"]), "ERR_PREFLIGHT", 2);
      expect(json.error?.message).toContain(join(site.root, "shared/.env"));
      expect(json.error?.message).toContain(join(site.root, "shared/keys/app.pem"));
      expect(json.error?.message).toContain("mayBeMissing");
    });
    await site.put("shared/.env", "A=1\n");
    await site.put("shared/keys/app.pem", "key\n");
    expectOutcome(await site.deployer(["check", "--json"]), "deployed");
  });

  test("has a directory for current: it is left alone, and the way out is named", async ({ site }) => {
    await site.configure({ plugins: gitAndNode(site.remote) });
    await site.commit(plainApp());
    await site.put("current/index.html", "by hand\n");
    const current = join(site.root, "current");
    const json = expectError(await site.deployer(["check", "--json"]), "ERR_CURRENT_IS_DIRECTORY", 2);
    expect(json.error?.hint).toContain(`mv ${current} ${current}.before-deployer`);
    expect(await site.read("current/index.html")).toBe("by hand\n");
    expect((await site.footprint()).releases).toEqual([]);
    await rename(current, `${current}.before-deployer`);
    expectOutcome(await site.deployer(["check", "--json"]), "deployed");
  });

  // Root may write wherever there is a directory; below a file nobody can.
  test.for(["a-file/app", "/proc/deployer"])("has a root that cannot be written: %s", async (root, { site }) => {
    await site.commit(plainApp());
    await site.put("a-file", "");
    await site.configure({ root, plugins: gitAndNode(site.remote) });
    const json = expectError(await site.deployer(["check", "--json"]), "ERR_ROOT_NOT_WRITABLE", 2);
    expect(json.error?.message).toContain(root);
  });

  test("has a root that belongs to another app", async ({ site }) => {
    await deployedOnce(site);
    await site.configure({ app: "blog", plugins: gitAndNode(site.remote) });
    await unchanged(site, async () => {
      expectError(await site.deployer(["check", "--json"]), "ERR_OTHER_APP", 2);
    });
  });

  test("has no program that a step of the config names", async ({ site }) => {
    await deployedOnce(site);
    await site.configure({ plugins: gitAndNode(site.remote, { build: ["no-such-compiler", "all"] }) });
    await site.commit(plainApp("2"));
    await unchanged(site, async () => {
      const json = expectError(await site.deployer(["check", "--json"]), "ERR_COMMAND_MISSING", 2);
      expect(json.error?.message).toContain('"no-such-compiler" was not found');
    });
  });

  test("has a run store that is damaged: it is set aside, and the next check goes on from what is on disk", async ({
    site,
  }) => {
    await deployedOnce(site);
    const before = await site.footprint();
    await site.put(".deployer/state.db", "this is no database, whatever its name says\n".repeat(100));
    const json = expectOutcome(await site.deployer(["check", "--json"]), "up-to-date");
    expect(json.warnings.join()).toContain("damaged");
    expect(json.release?.id).toBe(before.releases[0]);
    expect((await site.footprint()).current).toBe(before.current);
  });
});

describe("rollback", () => {
  test("to a release that does not see all of today's shared paths wants --yes", async ({ site }) => {
    await deployedOnce(site);
    const { release: first } = (await site.deployer(["check", "--json"])).json;
    await site.configure({ shared: ["uploads/"], plugins: gitAndNode(site.remote) });
    await site.commit(plainApp("2"));
    expectOutcome(await site.deployer(["check", "--json"]), "deployed");
    await unchanged(site, async () => {
      const json = expectError(await site.deployer(["rollback", "--json"]), "ERR_RELEASE_UNSAFE", 6);
      expect(json.error?.message).toContain("uploads");
      expect(json.error?.hint).toContain("--yes");
    });
    const json = expectOutcome(await site.deployer(["rollback", "--yes", "--json"]), "rolled-back");
    expect(json.release).toEqual(first);
  });

  test("takes a release's id, its beginning or its commit, and refuses what fits several", async ({ site }) => {
    await site.configure({ plugins: gitAndNode(site.remote) });
    const ids: string[] = [];
    for (const version of ["1", "2", "3"]) {
      await site.commit(plainApp(version));
      ids.push(expectOutcome(await site.deployer(["check", "--json"]), "deployed").release?.id as string);
    }
    const hash = (await site.read(`releases/${ids[0]}/REVISION`)).trim();
    await unchanged(site, async () => {
      const json = expectError(await site.deployer(["rollback", "20", "--json"]), "ERR_NO_SUCH_RELEASE", 6);
      expect(json.error?.message).toContain(`${ids[0]} and ${ids[1]}`);
    });
    expectOutcome(await site.deployer(["rollback", hash, "--json"]), "rolled-back");
    expect(await site.read("current/built.txt")).toBe("built from 1\n");
    expectOutcome(await site.deployer(["rollback", ids[1] as string, "--json"]), "rolled-back");
    expect(await site.read("current/built.txt")).toBe("built from 2\n");
  });

  test("with nothing to return to says so and changes nothing", async ({ site }) => {
    await site.configure({ plugins: gitAndNode(site.remote) });
    expectError(await site.deployer(["rollback", "--json"]), "ERR_NO_SUCH_RELEASE", 6);
    await site.commit(plainApp());
    expectOutcome(await site.deployer(["check", "--json"]), "deployed");
    await unchanged(site, async () => {
      expectError(await site.deployer(["rollback", "--json"]), "ERR_NO_SUCH_RELEASE", 6);
      expectError(await site.deployer(["rollback", "20200101T000000Z-abcdef0", "--json"]), "ERR_NO_SUCH_RELEASE", 6);
    });
  });
});

test("an error as text has its code, its message, its hint and its log on stderr", async ({ site }) => {
  await deployedOnce(site);
  await site.commit(withBuild("process.exit(7);"));
  const { exitCode, stdout, stderr }: Answer = await site.deployer(["check"]);
  expect(exitCode).toBe(4);
  expect(stdout).toBe("");
  expect(stderr).toContain('ERR_BUILD_FAILED: "npm run build" ended with exit code 7.');
  expect(stderr).toContain("is served as before.");
  expect(stderr).toMatch(/Log: .*\.log/);
});

async function deployedOnce(site: Site, options: object = {}): Promise<void> {
  await site.configure({ plugins: gitAndNode(site.remote), ...options });
  await site.commit(plainApp());
  expectOutcome(await site.deployer(["check", "--json"]), "deployed");
}

/** The environment with a git on PATH that does something else when it is asked for the remote's hash. */
async function fakeGit(site: Site, instead: string): Promise<{ PATH: string }> {
  await site.put("fake/git", `#!/bin/sh\n${instead}`, 0o755);
  return { PATH: [join(site.root, "fake"), site.env.PATH].join(delimiter) };
}

/** What is served, the releases and what lies about are the same after; and nothing runs on. */
async function unchanged(site: Site, act: () => Promise<void>): Promise<void> {
  const before = await site.footprint();
  await act();
  expect(await site.footprint()).toEqual(before);
  expect(await site.strays()).toEqual([]);
}
