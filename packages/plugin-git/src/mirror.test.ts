import { existsSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { deployerWith, type GitRepository, gitRepository, type TestDeployer } from "@deployer/core/testing";
import { describe, expect, it } from "vitest";
import { git } from "./git.ts";

function appOf(repo: GitRepository): Promise<TestDeployer> {
  return deployerWith({ remote: false, plugins: [git({ remote: repo.path })], config: { keepReleases: 1 } });
}

/** What stands below `.deployer`, temporary names and all. */
function state(app: TestDeployer): string[] {
  return readdirSync(app.paths.state).filter((name) => name.startsWith("repository") || name.startsWith("index"));
}

async function deployed(app: TestDeployer, hash: string): Promise<void> {
  const result = await app.deployer.check();
  expect(result).toMatchObject({ outcome: "deployed", warnings: [], release: { revision: hash } });
  expect(state(app)).toEqual(["repository.git"]);
}

describe("the mirror", () => {
  it("is private, bare, and holds a reference for each release on disk", async () => {
    await using repo = gitRepository();
    await using app = await appOf(repo);
    for (const n of ["1", "2", "3"]) await deployed(app, repo.commit({ n }));
    expect(statSync(app.paths.mirror).mode & 0o777).toBe(0o700);
    const kept = readdirSync(join(app.paths.mirror, "refs/deployer")).filter((name) => name !== "fetched");
    expect(kept.sort()).toEqual(readdirSync(app.paths.releases).sort());
  });

  it("follows a force-push, and goes back to a commit that is on no branch any more", async () => {
    await using repo = gitRepository();
    await using app = await appOf(repo);
    const lost = repo.commit({ a: "lost" });
    await deployed(app, lost);
    repo.git("reset", "--quiet", "--hard", "HEAD~1");
    await deployed(app, repo.commit({ a: "rewritten" }));
    expect(await app.deployer.deploy({ ref: lost })).toMatchObject({
      outcome: "deployed",
      release: { revision: lost },
    });
  });

  it("fetches a commit that no branch names, where the server gives out no single commits", async () => {
    await using repo = gitRepository();
    const first = repo.git("rev-parse", "HEAD");
    repo.commit({ a: "1" });
    repo.git("config", "uploadpack.allowAnySHA1InWant", "false");
    await using app = await appOf(repo);
    expect(await app.deployer.deploy({ ref: first })).toMatchObject({
      outcome: "deployed",
      release: { revision: first },
    });
  });

  it("that has never heard of a commit says that it is gone", async () => {
    await using repo = gitRepository();
    await using app = await appOf(repo);
    const ref = "3f2a1bc9d8e7f6a5b4c3d2e1f0a9b8c7d6e5f4a3";
    const result = await app.deployer.deploy({ ref });
    expect(result).toMatchObject({ exitCode: 7, outcome: "unreachable" });
    expect(readdirSync(app.paths.releases)).toEqual([]);
    expect(state(app)).toEqual([]);
  });
});

describe("a mirror that cannot be used is replaced", () => {
  const damages: [string, (mirror: string) => void][] = [
    ["its objects are gone", (mirror) => rmSync(join(mirror, "objects"), { recursive: true })],
    [
      "it is an empty folder",
      (mirror) => readdirSync(mirror).forEach((name) => void rmSync(join(mirror, name), { recursive: true })),
    ],
    ["its HEAD is torn", (mirror) => writeFileSync(join(mirror, "HEAD"), "")],
    ["its config is torn", (mirror) => writeFileSync(join(mirror, "config"), "[core")],
    ["a killed fetch left a lock", (mirror) => writeFileSync(join(mirror, "refs/deployer/fetched.lock"), "")],
    ["a killed fetch left the lock of shallow commits", (mirror) => writeFileSync(join(mirror, "shallow.lock"), "")],
  ];

  it.each(damages)("when %s", async (_title, damage) => {
    await using repo = gitRepository();
    await using app = await appOf(repo);
    await deployed(app, repo.commit({ a: "1" }));
    damage(app.paths.mirror);
    await deployed(app, repo.commit({ a: "2" }));
    expect(existsSync(join(app.paths.mirror, "HEAD"))).toBe(true);
  });

  it("when it has the commit, and not all of its files", async () => {
    await using repo = gitRepository();
    await using app = await appOf(repo);
    const hash = repo.commit({ a: "the text of a" });
    await deployed(app, hash);
    const blob = repo.git("rev-parse", "HEAD:a");
    rmSync(join(app.paths.mirror, "objects", blob.slice(0, 2), blob.slice(2)));
    expect(await app.deployer.deploy()).toMatchObject({ outcome: "deployed", release: { revision: hash } });
    expect(state(app)).toEqual(["repository.git"]);
  });

  it("and not touched while its replacement cannot be made", async () => {
    await using repo = gitRepository();
    await using app = await appOf(repo);
    const hash = repo.git("rev-parse", "HEAD");
    await deployed(app, hash);
    writeFileSync(join(app.paths.mirror, "HEAD"), "");
    await repo.remove();
    expect(await app.deployer.deploy({ ref: hash })).toMatchObject({ outcome: "unreachable", exitCode: 7 });
    expect(state(app)).toEqual(["repository.git"]);
  });
});
