import { lstat, readdir, readlink, realpath, stat } from "node:fs/promises";
import { join } from "node:path";
import type { HistoryEntry, ReleaseListing, Status } from "@deployer/core";
import { describe, expect } from "vitest";
import { gitAndNode, packageJson, plainApp, withBuild } from "./support/apps.ts";
import { expectError, expectOutcome } from "./support/expect-outcome.ts";
import { recordedGit } from "./support/recorded-git.ts";
import { type Site, test } from "./support/site.ts";

describe("a first check", () => {
  test("makes a release named by second and hash, built and linked, and points current at it", async ({ site }) => {
    await site.configure({ shared: [".env", "data/", "public/uploads/"], plugins: gitAndNode(site.remote) });
    await site.put("shared/.env", "SECRET=1\n", 0o600);
    const hash = await site.commit({ ...plainApp(), "public/uploads/.gitkeep": "" });

    const json = expectOutcome(await site.deployer(["check", "--json"]), "deployed");

    expect(json).toMatchObject({ schema: 1, app: "shop", release: { revision: hash }, previous: null });
    const id = json.release?.id as string;
    expect(id).toMatch(new RegExp(`^\\d{8}T\\d{6}Z-${hash.slice(0, 7)}$`));
    expect(await readlink(join(site.root, "current"))).toBe(`releases/${id}`);
    expect(await site.read("current/built.txt")).toBe("built from 1\n");
    expect(await site.read("current/REVISION")).toBe(`${hash}\n`);
    expect(await site.read("current/.env")).toBe("SECRET=1\n");
    for (const path of [".env", "data", "public/uploads"]) {
      expect((await lstat(join(site.root, "current", path))).isSymbolicLink(), path).toBe(true);
      expect(await realpath(join(site.root, "current", path))).toBe(join(site.root, "shared", path));
    }
    expect(await readdir(join(site.root, "current"))).not.toContain(".git");
    expect(await site.footprint()).toEqual({ current: `releases/${id}`, releases: [id], leftovers: [] });
    expect(json.stages.map(({ name, outcome }) => `${name} ${outcome}`)).toEqual(
      ["detect", "prepare", "link", "build", "gate", "migrate", "activate", "cleanup"].map((name) => `${name} ok`),
    );
  });

  test("keeps what is private to the deployer private", async ({ site }) => {
    await site.configure({ plugins: gitAndNode(site.remote) });
    await site.commit(plainApp());
    const { json } = await site.deployer(["check", "--json"]);
    const mode = async (path: string): Promise<number> => (await stat(path)).mode & 0o777;
    expect(await mode(join(site.root, ".deployer"))).toBe(0o711);
    for (const name of ["state.db", "lock.db"])
      expect(await mode(join(site.root, ".deployer", name)), name).toBe(0o600);
    for (const name of ["logs", "cache", "repository.git"])
      expect(await mode(join(site.root, ".deployer", name)), name).toBe(0o700);
    expect(await mode(json.log as string)).toBe(0o600);
  });
});

describe("a check with nothing new", () => {
  test("asks for the hash only: nothing is fetched, no release and no log is made", async ({ site }) => {
    await site.configure({ plugins: gitAndNode(site.remote) });
    await site.commit(plainApp());
    const git = await recordedGit(site);
    await site.deployer(["check"], { env: git.env });
    expect(await git.commands()).toContain("fetch");
    const before = await site.footprint();
    const logs = await readdir(join(site.root, ".deployer/logs"));
    const objects = await objectsOf(site);

    const json = expectOutcome(await site.deployer(["check", "--json"], { env: git.env }), "up-to-date");

    expect(await git.commands()).toEqual(["ls-remote"]);
    expect(json).toMatchObject({ log: null, release: { id: before.releases[0] }, error: null });
    expect(await site.footprint()).toEqual(before);
    expect(await readdir(join(site.root, ".deployer/logs"))).toEqual(logs);
    expect(await objectsOf(site)).toEqual(objects);
  });

  test("prints nothing at all when it is quiet", async ({ site }) => {
    await site.configure({ plugins: gitAndNode(site.remote) });
    await site.commit(plainApp());
    const first = await site.deployer(["check", "--quiet"]);
    expect({ exitCode: first.exitCode, stdout: first.stdout, stderr: first.stderr }).toEqual({
      exitCode: 0,
      stdout: "",
      stderr: "",
    });
    const second = await site.deployer(["check", "--quiet"]);
    expect({ exitCode: second.exitCode, stdout: second.stdout, stderr: second.stderr }).toEqual({
      exitCode: 0,
      stdout: "",
      stderr: "",
    });
  });

  test("does not take a new commit on another branch for a change", async ({ site }) => {
    await site.configure({ plugins: gitAndNode(site.remote) });
    await site.commit(plainApp("1"));
    await site.deployer(["check"]);
    await site.commit(plainApp("2"), "Elsewhere", "feature");
    expectOutcome(await site.deployer(["check", "--json"]), "up-to-date");
  });
});

describe("a new commit", () => {
  test("becomes a release of its own, and the older ones are pruned to keepReleases", async ({ site }) => {
    await site.configure({ keepReleases: 2, shared: ["data/"], plugins: gitAndNode(site.remote) });
    const ids: string[] = [];
    for (const version of ["1", "2", "3", "4"]) {
      await site.commit(plainApp(version));
      const json = expectOutcome(await site.deployer(["check", "--json"]), "deployed");
      expect(json.previous?.id).toBe(ids.at(-1));
      ids.push(json.release?.id as string);
      await site.put(`current/data/${version}.txt`, version);
    }
    expect(await site.footprint()).toEqual({
      current: `releases/${ids[3]}`,
      releases: [ids[2], ids[3]],
      leftovers: [],
    });
    expect(await site.read("current/built.txt")).toBe("built from 4\n");
    expect(await site.read(`releases/${ids[2]}/built.txt`)).toBe("built from 3\n");
    expect(await readdir(join(site.root, "shared/data"))).toEqual(["1.txt", "2.txt", "3.txt", "4.txt"]);
  });

  test("is seen after a force-push to an older commit, too", async ({ site }) => {
    await site.configure({ plugins: gitAndNode(site.remote) });
    const first = await site.commit(plainApp("1"));
    await site.commit(plainApp("2"));
    await site.deployer(["check"]);
    await site.git("reset", "--quiet", "--hard", first);
    await site.git("push", "--quiet", "--force", "origin", "HEAD:refs/heads/main");
    const json = expectOutcome(await site.deployer(["check", "--json"]), "deployed");
    expect(json.release?.revision).toBe(first);
    expect(await site.read("current/built.txt")).toBe("built from 1\n");
  });

  test("installs what its lockfile says, devDependencies included, whatever NODE_ENV says", async ({ site }) => {
    await site.configure({ env: ["NODE_ENV"], plugins: gitAndNode(site.remote) });
    await site.commit(appWithDependency());
    expectOutcome(await site.deployer(["check", "--json"], { env: { NODE_ENV: "production" } }), "deployed");
    expect(await site.read("current/built.txt")).toBe("the tool says hello");
  });

  test("of a monorepo is built in its directory", async ({ site }) => {
    await site.configure({ directory: "apps/web", shared: ["data/"], plugins: gitAndNode(site.remote) });
    const files = Object.entries(plainApp()).map(([path, text]) => [`apps/web/${path}`, text]);
    await site.commit(Object.fromEntries(files));
    expectOutcome(await site.deployer(["check", "--json"]), "deployed");
    expect(await site.read("current/apps/web/built.txt")).toBe("built from 1\n");
    expect(await realpath(join(site.root, "current/apps/web/data"))).toBe(join(site.root, "shared/data"));
  });
});

describe("deploy", () => {
  test("makes a new release also of a revision that runs already", async ({ site }) => {
    await site.configure({ plugins: gitAndNode(site.remote) });
    const hash = await site.commit(plainApp());
    const first = expectOutcome(await site.deployer(["check", "--json"]), "deployed");
    const second = expectOutcome(await site.deployer(["deploy", "--json"]), "deployed");
    expect(second).toMatchObject({ release: { revision: hash }, previous: first.release });
    expect(second.release?.id).not.toBe(first.release?.id);
    expectOutcome(await site.deployer(["check", "--json"]), "up-to-date");
  });

  test("of another ref stays until the watched branch moves", async ({ site }) => {
    await site.configure({ plugins: gitAndNode(site.remote) });
    await site.commit(plainApp("1"));
    await site.git("tag", "v1");
    await site.git("push", "--quiet", "origin", "v1");
    await site.commit(plainApp("2"));
    await site.deployer(["check"]);
    expectOutcome(await site.deployer(["deploy", "v1", "--json"]), "deployed");
    expect(await site.read("current/built.txt")).toBe("built from 1\n");
    expectOutcome(await site.deployer(["check", "--json"]), "up-to-date");
    await site.commit(plainApp("3"));
    expectOutcome(await site.deployer(["check", "--json"]), "deployed");
    expect(await site.read("current/built.txt")).toBe("built from 3\n");
  });
});

describe("what commands tell", () => {
  test("is one story as text, as JSON and as exit code", async ({ site }) => {
    await site.configure({ plugins: gitAndNode(site.remote) });
    await site.commit(plainApp());
    const text = await site.deployer(["check"]);
    expect(text.exitCode, text.stderr).toBe(0);
    const { json } = await site.deployer<Status>(["status", "--json"]);
    const result = json.lastRun?.result;
    expect(text.exitCode).toBe(result?.exitCode);
    expect(text.stdout).toContain(`Deployed ${result?.release?.id}`);
    expect(text.stdout).toContain(`Log: ${result?.log}`);
    expect(text.stderr).toContain("build/build");
    const again = await site.deployer(["check"]);
    expect(again.stdout).toBe(
      `Up to date: ${result?.release?.id} (${result?.release?.revision.slice(0, 7)}) is current.\n`,
    );
  });

  test("status, releases and history know what is served, what there is and what happened", async ({ site }) => {
    await site.configure({ plugins: gitAndNode(site.remote) });
    const nothing = await site.deployer<Status>(["status", "--json"]);
    expect(nothing).toMatchObject({ exitCode: 0, json: { current: null, lastRun: null, running: null } });
    expect((await site.deployer(["releases"])).stdout).toBe("There are no releases yet.\n");
    expect((await site.deployer(["history"])).stdout).toBe("There were no runs yet.\n");

    await site.commit(plainApp("1"));
    const first = (await site.deployer(["check", "--json"])).json.release?.id as string;
    await site.commit(withBuild("process.exit(3)"));
    await site.deployer(["check"]);

    const { json: status } = await site.deployer<Status>(["status", "--json"]);
    expect(status).toMatchObject({ app: "shop", root: site.root, current: { id: first, status: "successful" } });
    expect(status.lastRun?.result).toMatchObject({ outcome: "failed", error: { code: "ERR_BUILD_FAILED" } });
    const { json: list } = await site.deployer<{ releases: ReleaseListing[] }>(["releases", "--json"]);
    expect(list.releases.map(({ id, current }) => ({ id, current }))).toEqual([{ id: first, current: true }]);
    const { json: told } = await site.deployer<{ runs: HistoryEntry[] }>(["history", "--json"]);
    expect(told.runs.map(({ result }) => result?.outcome)).toEqual(["failed", "deployed"]);
    expect(told.runs[1]?.steps.map(({ step }) => step)).toContain("checkout");
    expect(
      (await site.deployer(["history", "--limit", "1"])).stdout.split("\n").filter((line) => /^\d/.test(line)),
    ).toHaveLength(1);
    expect((await site.deployer(["releases"])).stdout).toContain(`* ${first}`);
    expect((await site.deployer(["status"])).stdout).toContain(first);
  });

  test("config shows defaults and masks secrets", async ({ site }) => {
    const remote = "https://ada:hunter2hunter2@example.org/shop.git";
    await site.configure({ env: ["NPM_TOKEN"], plugins: [["@deployer/plugin-git", { remote }]] });
    const { exitCode, stdout } = await site.deployer(["config"], { env: { NPM_TOKEN: "tops3cret" } });
    expect(exitCode).toBe(0);
    expect(stdout).not.toContain("hunter2hunter2");
    expect(stdout).not.toContain("tops3cret");
    expect(JSON.parse(stdout)).toMatchObject({
      app: "shop",
      root: site.root,
      keepReleases: 5,
      env: ["NPM_TOKEN"],
      plugins: [{ name: "git", options: { remote: "https://ada:[redacted]@example.org/shop.git" } }],
    });
  });

  test("the log holds all output, the error the last 20 lines, and neither a secret", async ({ site }) => {
    await site.configure({ env: ["API_TOKEN"], plugins: gitAndNode(site.remote) });
    await site.commit(
      withBuild(`
        for (let line = 1; line <= 30; line += 1) console.log("line " + line + ".");
        console.log("with " + process.env.API_TOKEN);
        process.exitCode = 3;
      `),
    );
    const answer = await site.deployer(["check", "--json"], { env: { API_TOKEN: "tops3cret" } });
    const json = expectError(answer, "ERR_BUILD_FAILED", 4);
    const log = await site.read(json.log?.slice(site.root.length + 1) as string);
    for (let line = 1; line <= 30; line += 1) expect(log).toContain(`| line ${line}.`);
    expect(json.error?.message).toContain("line 30.");
    expect(json.error?.message).not.toContain("line 5.");
    expect(json.error?.details.tail).toHaveLength(20);
    expect(log + JSON.stringify(json)).not.toContain("tops3cret");
    expect(log).toContain("with [redacted]");
  });

  test("commands see a clean environment and what the config lists, nothing else of the deployer's", async ({
    site,
  }) => {
    await site.configure({ env: ["LISTED"], plugins: gitAndNode(site.remote) });
    await site.commit(withBuild(`require("node:fs").writeFileSync("env.json", JSON.stringify(process.env))`));
    const answer = await site.deployer(["check", "--json"], { env: { LISTED: "yes", OTHER: "secret" } });
    const json = expectOutcome(answer, "deployed");
    const seen = JSON.parse(await site.read("current/env.json")) as Record<string, string>;
    expect(seen).toMatchObject({ LISTED: "yes", DEPLOYER_REVISION: json.release?.revision, HOME: site.env.HOME });
    expect(seen).not.toHaveProperty("OTHER");
  });
});

async function objectsOf(site: Site): Promise<string[]> {
  return (await readdir(join(site.root, ".deployer/repository.git"), { recursive: true })).sort();
}

/** A devDependency that lies in the repository: nothing has to be downloaded. */
function appWithDependency(): Record<string, string> {
  const tool = { name: "tool", version: "1.0.0" };
  const root = { name: "shop", version: "1.0.0", devDependencies: { tool: "file:tool" } };
  return {
    "package.json": packageJson({ build: "node build.cjs" }, { devDependencies: { tool: "file:tool" } }),
    "package-lock.json": JSON.stringify({
      name: "shop",
      version: "1.0.0",
      lockfileVersion: 3,
      requires: true,
      packages: { "": root, "node_modules/tool": { resolved: "tool", link: true }, tool: { ...tool, dev: true } },
    }),
    "tool/package.json": JSON.stringify({ ...tool, main: "index.cjs" }),
    "tool/index.cjs": `module.exports = "hello";`,
    "build.cjs": `require("node:fs").writeFileSync("built.txt", "the tool says " + require("tool"));`,
  };
}
