import { statSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { describe, expect, it } from "vitest";
import { coreError } from "../errors/catalog.ts";
import { errorResult } from "../lifecycle/failure.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../testing/index.ts";
import { type Decision, RunStore } from "./run-store.ts";

const OWNER = { app: "shop", environment: null };
const MAIN = { hash: "aaaaaaaaaa", ref: "main", remote: "memory" };

interface TestStore extends AsyncDisposable {
  readonly folder: TemporaryDirectory;
  readonly path: string;
  readonly store: RunStore;
}

function newStore(): TestStore {
  const folder = temporaryDirectory();
  const path = join(folder.path, "state.db");
  const store = RunStore.open(path, OWNER);
  return {
    folder,
    path,
    store,
    async [Symbol.asyncDispose]() {
      store.close();
      await folder.remove();
    },
  };
}

function begin(store: RunStore, id: string, startedAt = 0): void {
  const process = { pid: 1, startTime: "1", bootId: "b" };
  store.beginRun({
    id,
    kind: "deploy",
    reason: "check",
    holder: { user: "me", host: "here", since: "now", process },
    plugins: [{ name: "git", options: { remote: "r" } }],
    previous: null,
    previousLink: null,
    startedAt,
  });
}

function decision(hash: string, over: Partial<Decision> = {}): Decision {
  return { hash, verdict: "deployed", code: null, reason: null, run: null, config: "c", at: 1, ...over };
}

describe("a run", () => {
  it("is open from its beginning to its end, with all that its recovery needs", async () => {
    await using at = newStore();
    begin(at.store, "run-1", 5);
    at.store.enterStage("run-1", "prepare");
    at.store.addRelease("r1", MAIN, "run-1", 6);
    at.store.addMigrated("run-1", { core: ["0001"] });
    expect(at.store.openRuns()).toMatchObject([
      {
        id: "run-1",
        stage: "prepare",
        release: "r1",
        revision: MAIN,
        accepted: false,
        migrated: { core: ["0001"] },
        plugins: [{ name: "git", options: { remote: "r" } }],
        holder: { process: { pid: 1 } },
        endedAt: null,
        result: null,
      },
    ]);
    at.store.endRun("run-1", errorResult(new Error("x"), "shop"), 9);
    expect(at.store.openRuns()).toEqual([]);
    expect(at.store.history(1)).toMatchObject([{ endedAt: 9, result: { exitCode: 1 } }]);
  });

  it("keeps its steps in the order in which they ended", async () => {
    await using at = newStore();
    begin(at.store, "run-1");
    const step = { stage: "build", outcome: "ok", milliseconds: 1.6, waitedMs: 0.2 } as const;
    at.store.addStep("run-1", { ...step, step: "install" });
    at.store.addStep("run-1", { ...step, step: "build" });
    expect(at.store.steps("run-1")).toEqual([
      { stage: "build", step: "install", outcome: "ok", milliseconds: 2, waitedMs: 0 },
      { stage: "build", step: "build", outcome: "ok", milliseconds: 2, waitedMs: 0 },
    ]);
  });

  it("stands in the history by the order of the runs, whatever the clock said", async () => {
    await using at = newStore();
    begin(at.store, "today", 86_400_000);
    begin(at.store, "yesterday", 0);
    expect(at.store.history(10).map(({ id }) => id)).toEqual(["yesterday", "today"]);
    expect(at.store.openRuns().map(({ id }) => id)).toEqual(["today", "yesterday"]);
  });

  it("is seen by another process that only looks, while it is at work", async () => {
    await using at = newStore();
    begin(at.store, "run-1");
    const reader = RunStore.openReadOnly(at.path);
    expect(reader?.openRuns()).toMatchObject([{ id: "run-1" }]);
    reader?.close();
  });
});

describe("acceptance", () => {
  it("is one step: the release is successful and decided on, or neither", async () => {
    await using at = newStore();
    begin(at.store, "run-1");
    at.store.addRelease("r1", MAIN, "run-1", 6);
    const broken = { ...decision("a"), hash: null as unknown as string };
    const decisions = [
      { watched: "memory main", decision: decision("a") },
      { watched: "memory next", decision: broken },
    ];
    expect(() => at.store.accept("run-1", "r1", 7, decisions)).toThrow(/NOT NULL/);
    expect(at.store.release("r1")).toMatchObject({ status: "making", everCurrent: false });
    expect(at.store.openRuns()).toMatchObject([{ accepted: false }]);
    expect(at.store.decisions()).toEqual([]);

    at.store.accept("run-1", "r1", 7, decisions.slice(0, 1));
    expect(at.store.release("r1")).toMatchObject({ status: "successful", everCurrent: true, activatedAt: 7 });
    expect(at.store.openRuns()).toMatchObject([{ accepted: true }]);
    expect(at.store.decision("memory main")).toEqual(decision("a"));
  });
});

describe("releases", () => {
  it("are ordered by their sequence, with the clock set back a day", async () => {
    await using at = newStore();
    begin(at.store, "run-1");
    at.store.addRelease("20261120-b", MAIN, "run-1", 86_400_000);
    at.store.addRelease("20261119-a", MAIN, "run-1", 0);
    expect(at.store.releases().map(({ id }) => id)).toEqual(["20261120-b", "20261119-a"]);
  });

  it("that are removed are no longer listed, and their names stay taken", async () => {
    await using at = newStore();
    begin(at.store, "run-1");
    at.store.addRelease("r1", MAIN, "run-1", 0);
    at.store.setReleaseStatus("r1", "removed");
    expect(at.store.releases()).toEqual([]);
    expect(at.store.hasReleaseId("r1")).toBe(true);
    expect(at.store.hasReleaseId("r2")).toBe(false);
    expect(() => at.store.addRelease("r1", MAIN, "run-1", 0)).toThrow(/UNIQUE/);
  });

  it("remember what was linked into them, and nothing of plugins", async () => {
    await using at = newStore();
    begin(at.store, "run-1");
    at.store.addRelease("r1", MAIN, "run-1", 0);
    at.store.setShared("r1", [{ path: "data", kind: "directory", substitutes: [] } as never]);
    expect(at.store.release("r1")?.shared).toEqual([{ path: "data", kind: "directory" }]);
  });
});

describe("decisions", () => {
  it("are kept for each watched ref, the last one only", async () => {
    await using at = newStore();
    at.store.decide("memory main", decision("a"));
    at.store.decide("memory main", decision("b", { verdict: "held", code: "ERR_X", reason: "x", run: "run-1" }));
    at.store.decide("memory next", decision("c"));
    expect(at.store.decision("memory main")).toMatchObject({ hash: "b", verdict: "held", reason: "x", run: "run-1" });
    expect(at.store.decision("memory gone")).toBeUndefined();
    expect(
      at.store
        .decisions()
        .map(({ watched }) => watched)
        .sort(),
    ).toEqual(["memory main", "memory next"]);
  });
});

describe("deaths", () => {
  it("are the runs of a revision that ended by being killed before they were accepted", async () => {
    await using at = newStore();
    const killed = errorResult(coreError("ERR_KILLED", { message: "m", hint: "h" }));
    for (const [id, hash, result] of [
      ["run-1", "a", killed],
      ["run-2", "a", killed],
      ["run-3", "b", killed],
      ["run-4", "a", errorResult(new Error("x"))],
      ["run-5", "a", killed],
    ] as const) {
      begin(at.store, id);
      at.store.addRelease(`of ${id}`, { ...MAIN, hash }, id, 0);
      if (id === "run-5") at.store.accept(id, `of ${id}`, 0, []);
      at.store.endRun(id, result, 0);
    }
    expect([at.store.deaths("a"), at.store.deaths("b"), at.store.deaths("c")]).toEqual([2, 1, 0]);
  });
});

describe("what a plugin keeps", () => {
  it("is its own, for the app or for one release", async () => {
    await using at = newStore();
    const mine = at.store.pluginState("mine");
    mine.set("seen", ["core.db"]);
    mine.set("seen", { more: 1 }, "r1");
    expect(mine.get("seen")).toEqual(["core.db"]);
    expect(mine.get("seen", "r1")).toEqual({ more: 1 });
    expect(mine.get("seen", "r2")).toBeUndefined();
    expect(at.store.pluginState("yours").get("seen")).toBeUndefined();
    mine.set("seen", null);
    expect(mine.get("seen")).toBeNull();
  });
});

describe("opening the store", () => {
  it("finds what was written, and keeps the file to its owner", async () => {
    await using at = newStore();
    at.store.decide("memory main", decision("a"));
    const again = RunStore.open(at.path, OWNER);
    expect(again.decision("memory main")).toEqual(decision("a"));
    again.close();
    expect(statSync(at.path).mode & 0o777).toBe(0o600);
  });

  it("reaches the disk before a method returns", async () => {
    await using at = newStore();
    const db = new Database(at.path);
    expect(db.pragma("journal_mode", { simple: true })).toBe("wal");
    db.close();
  });

  it("refuses one of a newer version, and leaves it as it is", async () => {
    await using at = newStore();
    const db = new Database(at.path);
    db.pragma("user_version = 99");
    db.close();
    for (const open of [() => RunStore.open(at.path, OWNER), () => RunStore.openReadOnly(at.path)])
      expect(open).toThrow(
        expect.objectContaining({
          code: "ERR_STORE_NEWER",
          exitCode: 2,
          message: expect.stringContaining("version 99"),
        }),
      );
  });

  it.each([
    [{ app: "blog", environment: null }, "blog"],
    [{ app: "shop", environment: "staging" }, "shop (staging)"],
  ])("refuses that of another app or environment: %j", async (owner, name) => {
    await using at = newStore();
    expect(() => RunStore.open(at.path, owner)).toThrow(
      expect.objectContaining({ code: "ERR_OTHER_APP", exitCode: 2, message: expect.stringContaining(name) }),
    );
  });

  it("only looking makes no store", async () => {
    await using folder = temporaryDirectory();
    expect(RunStore.openReadOnly(join(folder.path, "state.db"))).toBeUndefined();
    expect(RunStore.openReadOnly(join(folder.path, "none", "state.db"))).toBeUndefined();
  });
});
