import { deployerWith, gitRepository } from "@deployer/core/testing";
import { describe, expect, it } from "vitest";
import { git } from "./git.ts";
import { type GitOptions, gitOptionsSchema } from "./options.ts";

describe("the options of git", () => {
  it.each([
    "git@example.org:me/shop.git",
    "https://example.org/me/shop.git",
    "ssh://git@example.org:2222/shop.git",
    "/srv/git/shop.git",
    "file:///srv/git/shop.git",
    "../shop.git",
  ])("take the address %s", (remote) => {
    expect(gitOptionsSchema.safeParse({ remote }).success).toBe(true);
  });

  it.each([
    "ext::sh -c 'touch /tmp/pwned'",
    "EXT::sh",
    "fd::17",
    "--upload-pack=touch /tmp/pwned",
    "-oProxyCommand=x",
    "",
  ])("refuse the address %j, which could run a program", async (remote) => {
    await expect(deployerWith({ remote: false, plugins: [git({ remote })] })).rejects.toMatchObject({
      code: "ERR_CONFIG",
      message: expect.stringContaining("git.remote"),
    });
  });

  it.each(["main", "feature/cart", "v1.4.2", "refs/tags/v1", "3f2a1bc9d8e7f6a5b4c3d2e1f0a9b8c7d6e5f4a3"])(
    "take the ref %s",
    (ref) => expect(gitOptionsSchema.safeParse({ remote: "/r", ref }).success).toBe(true),
  );

  it.each(["--all", "a b", "a:b", "main^", "HEAD~1", "*", "a[b", ""])("refuse the ref %j", (ref) =>
    expect(gitOptionsSchema.safeParse({ remote: "/r", ref }).success).toBe(false),
  );

  it("watch main and give git five minutes, asking half a one, unless said otherwise", () => {
    expect(gitOptionsSchema.safeParse({ remote: "/r" })).toMatchObject({
      data: { ref: "main", timeoutMs: 300_000, askTimeoutMs: 30_000 } satisfies Partial<GitOptions>,
    });
  });

  it("are needed", () => {
    // @ts-expect-error without a remote there is nothing to watch
    expect(gitOptionsSchema.safeParse(git().options ?? {}).success).toBe(false);
    // @ts-expect-error no such option
    expect(gitOptionsSchema.safeParse(git({ remote: "/r", branch: "main" }).options).success).toBe(false);
  });
});

it("refuses a ref that a person gives to deploy when it could be an option", async () => {
  await using repo = gitRepository();
  await using app = await deployerWith({ remote: false, plugins: [git({ remote: repo.path })] });
  const result = await app.deployer.deploy({ ref: "--upload-pack=touch /tmp/pwned" });
  expect(result.error?.code).toBe("ERR_REF_MISSING");
});
