import { describe, expect, it } from "vitest";
import { type Expectation, faultOfWorker, type Sighting } from "./accept.ts";
import { changeBack, isInEffect, reloadRequest } from "./change.ts";
import { definitionsOf } from "./definition.ts";
import { settingsOf } from "./options.ts";
import { changeOf, pm2App } from "./pm2-app.ts";
import { reloadVerdict } from "./reload.ts";
import { aWorker } from "./testing/worker.ts";
import { describeWay, instancesWanted, wayOf, waysOf } from "./way.ts";

const current = "/srv/shop/current";
const place = {
  current,
  preload: "/srv/shop/.deployer/preload/x.cjs",
  sockets: "/srv/shop/.deployer/sockets",
  revision: "5e1f",
  env: { PATH: "/bin" },
};
const settings = settingsOf({ ecosystem: "e.cjs", health: "/health", healthTimeoutMs: 60_000, drainTimeoutMs: 30_000 });
const define = (app: Record<string, unknown> = {}) =>
  definitionsOf([{ name: "shop", script: "server.js", instances: 2, ...app }], settings, {
    directory: "/srv/shop/releases/r2",
    current,
    depth: 0,
  }).apps[0]!;

describe("a worker is accepted only when", () => {
  const expected: Expectation = { release: "/srv/shop/releases/r2", health: { path: "/" }, restarts: 3, pid: 100 };
  const seen: Sighting = {
    alive: true,
    cwd: "/srv/shop/releases/r2/apps/web",
    answer: { healthy: true, status: 200, body: "", revision: null, error: null },
  };

  it("everything is as expected, also in a folder below the release", () => {
    expect(faultOfWorker(aWorker(), seen, expected)).toBeNull();
  });

  it.each([
    ["PM2 lists it", undefined, seen],
    ["it is online", aWorker({ status: "errored" }), seen],
    ["it has a pid", aWorker({ pid: 0 }), seen],
    ["its process lives", aWorker(), { ...seen, alive: false }],
    ["it is the same process", aWorker({ pid: 101 }), seen],
    ["it has not restarted", aWorker({ restarts: 4 }), seen],
    [
      "it works in the release, not in one whose name begins alike",
      aWorker(),
      { ...seen, cwd: "/srv/shop/releases/r20" },
    ],
    ["its folder is known", aWorker(), { ...seen, cwd: undefined }],
    [
      "it is healthy",
      aWorker(),
      { ...seen, answer: { healthy: false, status: 500, body: "", revision: null, error: "it answered 500" } },
    ],
  ] as const)("%s", (_, worker, sighting) => {
    expect(faultOfWorker(worker, sighting, expected)).not.toBeNull();
  });
});

describe("a look at PM2's list during a reload", () => {
  const before = aWorker();
  const under = { ended: false };
  const look = (over: Parameters<typeof aWorker>[0], call: { ended: boolean; error?: unknown } = under) =>
    reloadVerdict(before, aWorker(over), call);

  it("waits while the old worker is listed, and while the new one launches", () => {
    expect(look({})).toBe("wait");
    expect(look({ pid: 200, status: "launching", restarts: 4 })).toBe("wait");
  });

  it("looks closer when a new process is online", () => {
    expect(look({ pid: 200, restarts: 4 })).toBe("look");
  });

  it("is bad when it has started twice, is given up, is gone, or PM2 says done without a new process", () => {
    expect(look({ pid: 201, status: "launching", restarts: 5 })).toHaveProperty("bad");
    expect(look({ pid: 0, status: "errored", restarts: 4 })).toHaveProperty("bad");
    expect(reloadVerdict(before, undefined, { ended: true })).toHaveProperty("bad");
    expect(look({}, { ended: true })).toHaveProperty("bad");
    expect(look({}, { ended: false, error: new Error("PM2 ID unknown") })).toEqual({ bad: "PM2 ID unknown" });
  });
});

describe("what PM2 is given", () => {
  it("starts through the literal path of current, in cluster mode, drained and waited for", () => {
    expect(pm2App(define({ max_memory_restart: "300M" }), place, settings)).toEqual({
      name: "shop",
      cwd: "/srv/shop/current",
      script: "server.js",
      exec_mode: "cluster",
      instances: 2,
      max_memory_restart: "300M",
      node_args: ["-r", place.preload],
      merge_logs: true,
      wait_ready: true,
      listen_timeout: 180_000,
      kill_timeout: 36_000,
      env: {
        DEPLOYER_REVISION: "5e1f",
        DEPLOYER_SOCKETS: place.sockets,
        DEPLOYER_HEALTH: "/health",
        DEPLOYER_DRAIN_MS: "30000",
        DEPLOYER_READY_MS: "90000",
        NEXT_MANUAL_SIG_HANDLE: "true",
      },
    });
  });

  it("lets the app's own longer timeouts stand", () => {
    expect(pm2App(define({ listen_timeout: 999_000, kill_timeout: 99_000 }), place, settings)).toMatchObject({
      listen_timeout: 999_000,
      kill_timeout: 99_000,
    });
  });

  it("drops in a reload what is gone: variables, arguments, limits in PM2's own units", () => {
    const change = changeOf(define({ env: { NEW: "1" }, max_memory_restart: "300M" }), place, settings);
    const stored = {
      args: ["--old"],
      name: "shop",
      OLD: "1",
      env: { OLD: "1", name: "shop", unique_id: "u", PATH: "/x" },
    };
    expect(reloadRequest(stored, 7, change)).toMatchObject({
      id: 7,
      env: {
        NEW: "1",
        PATH: "/bin",
        unique_id: "u",
        current_conf: { OLD: "null", args: "null", max_memory_restart: 314_572_800, env: { NEW: "1", PATH: "/bin" } },
      },
    });
    expect(JSON.stringify(reloadRequest(stored, 7, change))).not.toContain('"name":"null"');
  });

  it("is put back exactly by an undo", () => {
    const before = aWorker({
      stored: { node_args: ["-r", "/old.cjs"], kill_timeout: 5, env: { FLAG: "one", PATH: "/bin", unique_id: "u" } },
    });
    const change = changeOf(define({ env: { FLAG: "two" } }), place, settings);
    const back = changeBack(before, change);
    expect(back.fields).toMatchObject({
      node_args: ["-r", "/old.cjs"],
      kill_timeout: 5,
      wait_ready: "null",
      args: "null",
    });
    expect(back.env).toMatchObject({ FLAG: "one" });
    expect(isInEffect(before, back)).toBe(true);
    expect(isInEffect(before, change)).toBe(false);
  });
});

describe("the way from what runs to what is defined", () => {
  const paths = { current, releases: "/srv/shop/releases" };
  const way = (app: Record<string, unknown>, ...list: ReturnType<typeof aWorker>[]) =>
    wayOf(define(app), list, paths, current);
  const told = (app: Record<string, unknown>, ...list: ReturnType<typeof aWorker>[]) =>
    describeWay("shop", way(app, ...list));

  it("is a start where nothing of that name runs", () => {
    expect(told({}, aWorker({ name: "other" }))).toBe("start shop");
  });

  it("is a reload, in place, also for another script, folder or mode, and for an app started inside a release", () => {
    expect(told({}, aWorker(), aWorker({ id: 1 }))).toBe("reload shop (2 workers)");
    const inside = aWorker({ cwd: "/srv/shop/releases/r1", script: "/srv/shop/releases/r1/old.js" });
    expect(told({ instances: 1 }, inside)).toBe(
      "reload shop (1 worker); cwd from /srv/shop/releases/r1 to /srv/shop/current, script from /srv/shop/releases/r1/old.js to /srv/shop/current/server.js",
    );
  });

  it("starts what is missing and ends what is too much, the first instances stay", () => {
    expect(told({ instances: 3 }, aWorker())).toBe("reload shop (1 worker), then start 2 more");
    const workers = [3, 1, 2].map((number) =>
      aWorker({ id: number + 4, stored: { env: {}, NODE_APP_INSTANCE: number } }),
    );
    expect(way({ instances: 1 }, ...workers)).toMatchObject({ workers: [{ id: 5 }], surplus: [{ id: 6 }, { id: 7 }] });
  });

  it("is a change-over from fork mode when visitors depend on it", () => {
    expect(told({}, aWorker({ mode: "fork" }))).toContain("change shop over from fork to cluster mode");
  });

  it("is refused where the name belongs to another project", () => {
    const other = aWorker({ cwd: "/srv/blog/current", script: "/srv/blog/current/server.js" });
    expect(() => waysOf([define()], [other, other], paths, current)).toThrow(
      expect.objectContaining({
        code: "ERR_PM2_CHANGE",
        exitCode: 2,
        message: expect.stringContaining("PM2 runs /srv/blog/current/server.js under this name"),
      }),
    );
  });

  it("counts instances as PM2 does", () => {
    const processors = instancesWanted({ instances: "max" });
    expect(instancesWanted({ instances: -1 })).toBe(Math.max(1, processors - 1));
    expect(instancesWanted({ instances: 3 })).toBe(3);
  });
});
