import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import type { LinkContext, SettleContext } from "../plugin/contexts.ts";
import { type TestContext, temporaryRoot, testContext } from "../testing/index.ts";
import { type LinkSite, linkShared } from "./links.ts";
import { endRehearsal, fillStandIn, type StandIn, settleStandIn } from "./rehearsal.ts";
import type { SharedPath, Substitute } from "./shared-path.ts";

interface Rehearsal extends AsyncDisposable {
  readonly site: LinkSite;
  readonly context: TestContext & LinkContext & SettleContext;
  /** The stand-in of data/. */
  readonly at: string;
  fill(entry: SharedPath): Promise<{ standIn: StandIn; env: Readonly<Record<string, string>> }>;
}

/** A release and a `shared/` with these files in data/. */
function rehearsal(files: readonly string[], directory = "."): Rehearsal {
  const root = temporaryRoot();
  const base = testContext(root.path, { directory });
  const path = join(root.paths.releases, "r1");
  const appPath = join(path, directory);
  for (const folder of [appPath, root.paths.state]) mkdirSync(folder, { recursive: true });
  for (const file of files) {
    mkdirSync(dirname(join(root.paths.shared, file)), { recursive: true });
    writeFileSync(join(root.paths.shared, file), `live ${file}`);
  }
  const release = { id: "r1", revision: { hash: "h", ref: "main", remote: "memory" }, path, appPath, sequence: 1 };
  const context = { ...base, release, previous: undefined, skipGate: () => undefined };
  const site = { ...base, release };
  return {
    site,
    context,
    at: join(appPath, ".rehearsal/data"),
    fill: async (entry) => {
      const filled = await fillStandIn(site, entry, context);
      await linkShared(site, entry, "rehearsal");
      return filled;
    },
    [Symbol.asyncDispose]: root.remove,
  };
}

/** Copies the databases it owns. */
function copies(...owns: string[]): Substitute {
  return {
    owns,
    async fill(standIn, { paths }) {
      for (const path of owns) {
        const below = path.split("/").slice(1).join("/");
        if (existsSync(join(paths.shared, path)))
          writeFileSync(join(standIn, below), readFileSync(join(paths.shared, path)));
      }
      return { env: { [`COPY_OF_${owns[0]}`]: standIn } };
    },
  };
}

function data(...substitutes: Substitute[]): SharedPath {
  return { path: "data", kind: "directory", substitutes };
}

describe("a stand-in", () => {
  it("links what no one owns, holds copies of what is owned, and never a database's companions", async () => {
    await using on = rehearsal([
      "data/core.db",
      "data/core.db-wal",
      "data/core.db-shm",
      "data/x.db-journal",
      "data/logo.png",
    ]);
    const { standIn } = await on.fill(data(copies("data/core.db")));
    expect(readdirSync(on.at).sort()).toEqual(["core.db", "logo.png"]);
    expect(lstatSync(join(on.at, "core.db")).isFile()).toBe(true);
    expect(readlinkSync(join(on.at, "logo.png"))).toBe("../../../../shared/data/logo.png");
    expect(readFileSync(join(on.at, "logo.png"), "utf8")).toBe("live data/logo.png");
    expect([...standIn.linked]).toEqual(["logo.png"]);
  });

  it("goes down to what is owned deeper, and links whole directories where nothing is", async () => {
    await using on = rehearsal(["data/a/b/core.db", "data/a/b/note", "data/a/other", "data/uploads/1.png"]);
    const { standIn } = await on.fill(data(copies("data/a/b/core.db")));
    expect([...standIn.linked].sort()).toEqual(["a/b/note", "a/other", "uploads"]);
    expect(readFileSync(join(on.at, "a/b/note"), "utf8")).toBe("live data/a/b/note");
    expect(lstatSync(join(on.at, "a/b/core.db")).isFile()).toBe(true);
  });

  it("is filled by every substitute, and has the variables of all", async () => {
    await using on = rehearsal(["data/core.db", "data/system.db"]);
    const { env } = await on.fill(data(copies("data/core.db"), copies("data/system.db")));
    expect(readdirSync(on.at).sort()).toEqual(["core.db", "system.db"]);
    expect(env).toEqual({ "COPY_OF_data/core.db": on.at, "COPY_OF_data/system.db": on.at });
  });

  it("of a file is the copy itself", async () => {
    await using on = rehearsal(["db/core.db"]);
    const fill = async (standIn: string): Promise<undefined> => writeFileSync(standIn, "copy") as undefined;
    await on.fill({ path: "db/core.db", kind: "file", substitutes: [{ owns: ["db/core.db"], fill }] });
    const path = join(on.site.release.appPath, "db/core.db");
    expect(readlinkSync(path)).toBe("../.rehearsal/db/core.db");
    expect(readFileSync(path, "utf8")).toBe("copy");
  });

  it("lies inside the app of a monorepo", async () => {
    await using on = rehearsal(["data/core.db", "data/logo.png"], "apps/web");
    await on.fill(data(copies("data/core.db")));
    expect(readlinkSync(join(on.site.release.appPath, "data"))).toBe(".rehearsal/data");
    expect(readFileSync(join(on.at, "logo.png"), "utf8")).toBe("live data/logo.png");
  });
});

describe("the last look", () => {
  it("names what was written beside links, copies and their companions", async () => {
    await using on = rehearsal(["data/a/core.db", "data/logo.png"]);
    const { standIn } = await on.fill(data(copies("data/a/core.db")));
    for (const name of ["new.db", "a/core.db-wal", "a/cache.json"]) writeFileSync(join(on.at, name), "");
    await settleStandIn(on.site, standIn, on.context);
    expect(on.context.warnings).toEqual([
      "Build or trial wrote into data: a/cache.json, new.db. It was on a copy and is dropped.",
    ]);
  });

  it("is silent when nothing strange was written", async () => {
    await using on = rehearsal(["data/core.db"]);
    const { standIn } = await on.fill(data(copies("data/core.db")));
    await settleStandIn(on.site, standIn, on.context);
    expect(on.context.warnings).toEqual([]);
  });

  it("is given to each substitute, and may fail", async () => {
    await using on = rehearsal(["data/core.db"]);
    const settle = async (standIn: string): Promise<void> => {
      throw new Error(`looked at ${standIn}`);
    };
    const { standIn } = await on.fill(data({ ...copies("data/core.db"), settle }));
    await expect(settleStandIn(on.site, standIn, on.context)).rejects.toThrow(`looked at ${on.at}`);
  });
});

describe("the end of a rehearsal", () => {
  it("swaps the real link in, drops the stand-in, and leaves the live files as they were", async () => {
    await using on = rehearsal(["data/core.db", "data/logo.png"]);
    const { standIn } = await on.fill(data(copies("data/core.db")));
    writeFileSync(join(on.site.release.appPath, "data/core.db"), "written on trial");
    await endRehearsal(on.site, [standIn]);
    expect(readlinkSync(join(on.site.release.appPath, "data"))).toBe("../../shared/data");
    expect(existsSync(join(on.site.release.appPath, ".rehearsal"))).toBe(false);
    expect(readFileSync(join(on.site.paths.shared, "data/core.db"), "utf8")).toBe("live data/core.db");
    expect(readdirSync(join(on.site.paths.shared, "data")).sort()).toEqual(["core.db", "logo.png"]);
  });

  it("links a file that may be missing and that only migrate creates", async () => {
    await using on = rehearsal([]);
    const fill = async (standIn: string): Promise<undefined> => writeFileSync(standIn, "copy") as undefined;
    const substitutes = [{ owns: ["core.db"], fill }];
    const { standIn } = await on.fill({ path: "core.db", kind: "file", mayBeMissing: true, substitutes });
    await endRehearsal(on.site, [standIn]);
    expect(readlinkSync(join(on.site.release.appPath, "core.db"))).toBe("../../shared/core.db");
  });
});
