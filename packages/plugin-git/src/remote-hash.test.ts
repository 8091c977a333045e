import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import {
  deployerWith,
  type GitRepository,
  gitRepository,
  temporaryDirectory,
  testContext,
} from "@deployer/core/testing";
import { describe, expect, it } from "vitest";
import { git } from "./git.ts";
import { remoteHash } from "./remote-hash.ts";

async function ask(remote: string, ref: string, timeoutMs = 20_000): Promise<string> {
  await using root = temporaryDirectory();
  mkdirSync(join(root.path, ".deployer"));
  return await remoteHash(testContext(root.path), remote, ref, timeoutMs);
}

describe("where a ref of the remote stands", () => {
  it("is the commit of a branch, also of one with slashes, and of a full name", async () => {
    await using repo = gitRepository();
    const first = repo.git("rev-parse", "HEAD");
    repo.git("branch", "feature/cart");
    const second = repo.commit({ a: "1" });
    expect(await ask(repo.path, "main")).toBe(second);
    expect(await ask(repo.path, "refs/heads/main")).toBe(second);
    expect(await ask(repo.path, "feature/cart")).toBe(first);
  });

  it("is the commit that a tag stands for, annotated or not", async () => {
    await using repo = gitRepository();
    const hash = repo.git("rev-parse", "HEAD");
    repo.git("tag", "light");
    repo.git("tag", "--annotate", "--message", "one", "v1");
    expect(repo.git("rev-parse", "v1")).not.toBe(hash);
    repo.commit();
    for (const ref of ["light", "v1", "refs/tags/v1"]) expect(await ask(repo.path, ref)).toBe(hash);
  });

  it("is that of the branch when a tag has the same name", async () => {
    await using repo = gitRepository();
    repo.git("tag", "main");
    const second = repo.commit({ a: "1" });
    expect(await ask(repo.path, "main")).toBe(second);
    expect(await ask(repo.path, "refs/tags/main")).not.toBe(second);
  });

  it("is not that of another branch whose name ends alike", async () => {
    await using repo = gitRepository();
    repo.git("branch", "other/next");
    await expect(ask(repo.path, "next")).rejects.toMatchObject({ code: "ERR_REF_MISSING" });
  });

  it("is a full hash itself, without asking", async () => {
    const hash = "3f2a1bc9d8e7f6a5b4c3d2e1f0a9b8c7d6e5f4a3";
    expect(await ask("/no/such/repository", hash)).toBe(hash);
  });

  it("moves with a force-push", async () => {
    await using repo = gitRepository();
    repo.commit({ a: "1" });
    const before = await ask(repo.path, "main");
    repo.git("reset", "--quiet", "--hard", "HEAD~1");
    const rewritten = repo.commit({ a: "2" });
    expect(await ask(repo.path, "main")).toBe(rewritten);
    expect(rewritten).not.toBe(before);
  });

  it("is an error for a person when there is no such ref", async () => {
    await using repo = gitRepository();
    await expect(ask(repo.path, "mian")).rejects.toMatchObject({
      code: "ERR_REF_MISSING",
      exitCode: 2,
      message: expect.stringContaining('no branch or tag "mian"'),
      details: { ref: "mian" },
    });
  });
});

describe("a remote that cannot be asked", () => {
  it("is told with what git said, and ends with exit 7", async () => {
    await expect(ask("/no/such/repository", "main")).rejects.toMatchObject({
      code: "ERR_REMOTE_UNREACHABLE",
      exitCode: 7,
      message: expect.stringMatching(/could not be asked:\n.*does not (exist|appear to be a git repository)/s),
      cause: expect.anything(),
    });
  });

  it("that accepts and never answers is given up in time", async () => {
    const sockets = new Set<{ destroy(): void }>();
    const server = createServer((socket) => void sockets.add(socket)).listen(0, "127.0.0.1");
    await once(server, "listening");
    const remote = `git://127.0.0.1:${(server.address() as { port: number }).port}/shop.git`;
    try {
      await expect(ask(remote, "main", 500)).rejects.toMatchObject({ code: "ERR_REMOTE_UNREACHABLE" });
    } finally {
      for (const socket of sockets) socket.destroy();
      server.close();
    }
  });

  it("is never taken for no change, nor for a failed revision", async () => {
    await using repo: GitRepository = gitRepository();
    await using app = await deployerWith({ remote: false, plugins: [git({ remote: repo.path })] });
    const { release } = await app.deployer.check();
    await repo.remove();
    expect(await app.deployer.check()).toMatchObject({ outcome: "unreachable", exitCode: 7, log: null });
    expect(await app.deployer.check()).toMatchObject({ outcome: "unreachable", exitCode: 7 });
    expect(app.current()).toBe(release?.id);
  });
});
