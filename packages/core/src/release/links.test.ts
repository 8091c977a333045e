import {
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { type TestContext, temporaryRoot, testContext } from "../testing/index.ts";
import { type LinkSite, linkShared, missingFiles, prepareTargets, verifyLinks } from "./links.ts";
import type { SharedPath } from "./shared-path.ts";

const DATA: SharedPath = { path: "data", kind: "directory" };
const ENV: SharedPath = { path: ".env", kind: "file" };

interface Site extends AsyncDisposable {
  readonly site: LinkSite;
  readonly context: TestContext;
  /** Writes a file of the release. */
  inRelease(path: string, text?: string): string;
  /** Writes a file of `shared/`. */
  inShared(path: string, text?: string): string;
}

function newSite(): Site {
  const root = temporaryRoot();
  const context = testContext(root.path);
  const path = join(root.paths.releases, "r1");
  for (const folder of [path, root.paths.shared, root.paths.state]) mkdirSync(folder, { recursive: true });
  const revision = { hash: "h", ref: "main", remote: "memory" };
  const write =
    (folder: string) =>
    (name: string, text = name): string => {
      mkdirSync(dirname(join(folder, name)), { recursive: true });
      writeFileSync(join(folder, name), text);
      return join(folder, name);
    };
  return {
    site: { ...context, release: { id: "r1", revision, path, appPath: path, sequence: 1 } },
    context,
    inRelease: write(path),
    inShared: write(root.paths.shared),
    [Symbol.asyncDispose]: root.remove,
  };
}

async function link({ site }: Site, ...entries: SharedPath[]): Promise<void> {
  await prepareTargets(site, entries);
  for (const entry of entries) await linkShared(site, entry, "shared");
}

async function verify({ site }: Site, ...entries: SharedPath[]): Promise<void> {
  await verifyLinks(site.fs, site.paths, site.release, entries);
}

describe("linking", () => {
  it("makes relative links, also at depth, and creates missing directories", async () => {
    await using at = newSite();
    at.inShared(".env");
    await link(at, DATA, ENV, { path: "public/img/uploads", kind: "directory" });
    const { path } = at.site.release;
    expect(readlinkSync(join(path, "data"))).toBe("../../shared/data");
    expect(readlinkSync(join(path, ".env"))).toBe("../../shared/.env");
    expect(readlinkSync(join(path, "public/img/uploads"))).toBe("../../../../shared/public/img/uploads");
    expect(lstatSync(join(at.site.paths.shared, "public/img/uploads")).isDirectory()).toBe(true);
    expect(readdirSync(at.site.paths.state)).toEqual([]);
  });

  it("puts the link in the place of what the checkout has there, and tells when it held files", async () => {
    await using at = newSite();
    at.inRelease("data/old.db");
    at.inRelease(".env", "A=1");
    at.inShared(".env", "B=2");
    await link(at, DATA, ENV);
    expect(at.context.warnings).toEqual([
      "The repository has its own data: it gave way to the shared one.",
      "The repository has its own .env: it gave way to the shared one.",
    ]);
    expect(readFileSync(join(at.site.release.path, ".env"), "utf8")).toBe("B=2");
  });

  it("says nothing of a directory that only keeps its place in git, nor of a link", async () => {
    await using at = newSite();
    at.inRelease("data/.gitkeep", "");
    symlinkSync("/etc", join(at.site.release.path, "uploads"));
    await link(at, DATA, { path: "uploads", kind: "directory" });
    expect(at.context.warnings).toEqual([]);
    expect(readlinkSync(join(at.site.release.path, "uploads"))).toBe("../../shared/uploads");
    expect(lstatSync("/etc").isDirectory()).toBe(true);
  });

  it("copies the release's own contents when shared/ has none yet and that was asked for", async () => {
    await using at = newSite();
    at.inRelease("content/pages/a.md", "first");
    const entry: SharedPath = { path: "content", kind: "directory", seed: true };
    await link(at, entry);
    expect(readFileSync(join(at.site.paths.shared, "content/pages/a.md"), "utf8")).toBe("first");
    writeFileSync(join(at.site.paths.shared, "content/pages/a.md"), "edited");
    rmSync(join(at.site.release.path, "content"));
    at.inRelease("content/pages/a.md", "second");
    await link(at, entry);
    expect(readFileSync(join(at.site.paths.shared, "content/pages/a.md"), "utf8")).toBe("edited");
  });

  it("never creates a file: every missing one is named", async () => {
    await using at = newSite();
    const files: SharedPath[] = [".env", "config/keys.json"].map((path) => ({ path, kind: "file" }));
    await expect(prepareTargets(at.site, [...files, DATA])).rejects.toMatchObject({
      code: "ERR_SHARED_MISSING",
      exitCode: 2,
      details: { missing: files.map(({ path }) => join(at.site.paths.shared, path)) },
    });
    expect(readdirSync(at.site.paths.shared)).toEqual(["data"]);
  });

  it("takes a file that leads nowhere for missing", async () => {
    await using at = newSite();
    symlinkSync("gone", join(at.site.paths.shared, ".env"));
    expect(await missingFiles(at.site.fs, at.site.paths, [ENV])).toEqual([join(at.site.paths.shared, ".env")]);
  });

  it("makes no link to a file that may be missing and is", async () => {
    await using at = newSite();
    const entry: SharedPath = { ...ENV, mayBeMissing: true };
    await link(at, entry);
    expect(readdirSync(at.site.release.path)).toEqual([]);
    await verify(at, entry);
    at.inShared(".env");
    await link(at, entry);
    expect(readlinkSync(join(at.site.release.path, ".env"))).toBe("../../shared/.env");
  });

  it("refuses a path that leads through a link of the repository", async () => {
    await using at = newSite();
    symlinkSync("/tmp", join(at.site.release.path, "public"));
    await expect(link(at, { path: "public/uploads", kind: "directory" })).rejects.toMatchObject({
      code: "ERR_FOREIGN_LINK",
      details: { path: join(at.site.release.path, "public/uploads"), link: join(at.site.release.path, "public") },
    });
  });

  it("replaces a link of its own in one step", async () => {
    await using at = newSite();
    await linkShared(at.site, DATA, "rehearsal");
    expect(readlinkSync(join(at.site.release.path, "data"))).toBe(".rehearsal/data");
    await link(at, DATA);
    expect(readlinkSync(join(at.site.release.path, "data"))).toBe("../../shared/data");
  });
});

describe("verifying links", () => {
  it("is content with what core linked, also when shared/ leads elsewhere", async () => {
    await using at = newSite();
    at.inShared("elsewhere/x");
    symlinkSync("elsewhere", join(at.site.paths.shared, "data"));
    await link(at, DATA);
    await verify(at, DATA);
  });

  it.each([
    [
      "a directory of its own",
      (path: string) => {
        rmSync(path);
        mkdirSync(path);
      },
    ],
    ["nothing", (path: string) => rmSync(path)],
    [
      "a link to another place",
      (path: string) => {
        rmSync(path);
        symlinkSync("/tmp", path);
      },
    ],
    [
      "a link that leads nowhere",
      (path: string) => {
        rmSync(path);
        symlinkSync("nowhere", path);
      },
    ],
  ])("finds %s in the place of a link", async (_title, replace) => {
    await using at = newSite();
    await link(at, DATA);
    replace(join(at.site.release.path, "data"));
    await expect(verify(at, DATA)).rejects.toMatchObject({ code: "ERR_LINK_CHANGED", exitCode: 4 });
  });

  it("finds a copy of a file in the place of its link", async () => {
    await using at = newSite();
    at.inShared(".env", "A=1");
    await link(at, ENV);
    rmSync(join(at.site.release.path, ".env"));
    at.inRelease(".env", "A=1");
    await expect(verify(at, ENV)).rejects.toMatchObject({ code: "ERR_LINK_CHANGED" });
  });

  it("finds a hard link in the place of its link: the next atomic write would part the two", async () => {
    await using at = newSite();
    const shared = at.inShared(".env", "A=1");
    await link(at, ENV);
    rmSync(join(at.site.release.path, ".env"));
    linkSync(shared, join(at.site.release.path, ".env"));
    await expect(verify(at, ENV)).rejects.toMatchObject({ code: "ERR_LINK_CHANGED" });
  });

  it("lets a database be missing at both ends that only the migrate stage creates", async () => {
    await using at = newSite();
    await linkShared(at.site, { path: "core.db", kind: "file" }, "shared");
    await verify(at, { path: "core.db", kind: "file" });
  });
});
