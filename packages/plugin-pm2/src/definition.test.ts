import { describe, expect, it } from "vitest";
import { definitionsOf } from "./definition.ts";
import type { Pm2Options } from "./options.ts";

const places = { directory: "/srv/shop/releases/r2", current: "/srv/shop/current", depth: 0 };
const define = (apps: Record<string, unknown>[], options: Partial<Pm2Options> = {}) =>
  definitionsOf(apps, { ecosystem: "ecosystem.config.cjs", ...options }, places);
const problemsOf = (...given: Parameters<typeof define>) => define(...given).problems.map(({ message }) => message);

describe("an app's definition", () => {
  it("becomes relative to the release, whichever way it names its files", () => {
    for (const cwd of [undefined, ".", "/srv/shop/releases/r2", "/srv/shop/current", "/srv/shop/current/"]) {
      expect(define([{ name: "shop", script: "./server.js", cwd }]).apps[0]).toMatchObject({
        cwd: "",
        script: "server.js",
      });
    }
    expect(define([{ name: "web", script: "server.js", cwd: "apps/web" }]).apps[0]).toMatchObject({
      cwd: "apps/web",
      script: "server.js",
    });
    expect(
      define([{ name: "web", script: "/srv/shop/releases/r2/apps/web/server.js", cwd: "./apps/web" }]).apps[0],
    ).toMatchObject({ script: "server.js" });
  });

  it("runs in cluster mode when it serves: with a check over HTTP or of a port, not with one by a command", () => {
    const app = { name: "shop", script: "a.js" };
    const defined = (health: Pm2Options["health"]) => define([app], health === undefined ? {} : { health }).apps[0];
    expect(defined("/health")).toMatchObject({ mode: "cluster", health: { path: "/health" }, outside: undefined });
    expect(defined({ tcp: 5000 })).toMatchObject({ mode: "cluster", health: undefined, outside: { tcp: 5000 } });
    expect(defined({ command: ["true"] })).toMatchObject({ mode: "fork", outside: { command: ["true"] } });
    expect(define([{ ...app, exec_mode: "fork" }], { health: { tcp: 5000 } }).problems).toMatchObject([{ fork: true }]);
  });

  it("is asked for its start page when it runs Next.js and has no health check, unless it is in fork mode", () => {
    const app = { name: "shop", script: "node_modules/next/dist/bin/next", args: "start" };
    const { apps, notes } = define([app]);
    expect(apps[0]).toMatchObject({ mode: "cluster", health: { path: "/", status: "200-499" } });
    expect(notes).toContainEqual(expect.stringContaining("must not answer 500"));
    expect(define([app], { health: "/api/health" }).apps[0]?.health).toEqual({ path: "/api/health" });
    expect(define([{ ...app, exec_mode: "fork" }])).toMatchObject({ apps: [{ health: undefined }], problems: [] });
  });

  it("is refused when it leads out of the release", () => {
    expect(problemsOf([{ name: "shop", script: "server.js", cwd: "/srv/other" }])).toEqual([
      "its cwd /srv/other lies outside the release",
    ]);
    expect(problemsOf([{ name: "shop", script: "../server.js" }])).toEqual([
      "its script ../server.js lies outside the release",
    ]);
  });

  it("merges the environment that is asked for, as text", () => {
    const app = {
      name: "shop",
      script: "a.js",
      port: 3000,
      env: { A: 1, B: "b", C: { d: true }, E: null },
      env_production: { B: "p" },
    };
    expect(define([app], { env: "production" }).apps[0]?.env).toEqual({
      PORT: "3000",
      A: "1",
      B: "p",
      C: '{"d":true}',
    });
    expect(define([app]).apps[0]?.env).toMatchObject({ B: "b" });
  });

  it("splits arguments as PM2 does", () => {
    const app = {
      name: "shop",
      script: "a.js",
      args: `start -p 3000 --title "a b" --x='c d'`,
      node_args: ["--max-old-space-size=300"],
    };
    expect(define([app]).apps[0]).toMatchObject({
      args: ["start", "-p", "3000", "--title", "a b", "--x=c d"],
      nodeArgs: ["--max-old-space-size=300"],
    });
  });

  it("keeps what is PM2's alone", () => {
    expect(
      define([{ name: "shop", script: "a.js", max_memory_restart: "300M", env: {}, env_x: {} }]).apps[0]?.rest,
    ).toEqual({ max_memory_restart: "300M" });
  });
});

describe("in a monorepo", () => {
  const web = { directory: "/srv/shop/releases/r2/apps/web", current: "/srv/shop/current/apps/web", depth: 2 };
  const hoisted = "../../node_modules/next/dist/bin/next";

  it("a script may lie above the app, as hoisted dependencies do, and not above the release", () => {
    const scripts = [hoisted, "/srv/shop/current/node_modules/next/dist/bin/next", "../../../r1/server.js"];
    const { apps, problems } = definitionsOf(
      scripts.map((script, index) => ({ name: `app${index}`, script })),
      { ecosystem: "ecosystem.config.cjs" },
      web,
    );
    expect(apps.slice(0, 2).map(({ script }) => script)).toEqual([hoisted, hoisted]);
    expect(problems).toMatchObject([{ app: "app2", message: expect.stringContaining("outside the release") }]);
  });

  it("it is relative to cwd", () => {
    const app = { name: "shop", script: `../${hoisted}`, cwd: "server" };
    expect(definitionsOf([app], { ecosystem: "e.cjs" }, web).apps[0]).toMatchObject({
      cwd: "server",
      script: `../${hoisted}`,
    });
  });
});

describe("the mode of an app", () => {
  it("is cluster for one with a health check that says nothing, and that is told", () => {
    const { apps, notes } = define([{ name: "shop", script: "a.js" }], { health: "/health" });
    expect(apps[0]?.mode).toBe("cluster");
    expect(notes).toHaveLength(1);
  });

  it("is what PM2 makes of it without a health check", () => {
    expect(define([{ name: "mailer", script: "a.js" }]).apps[0]?.mode).toBe("fork");
    expect(define([{ name: "mailer", script: "a.js", instances: 1 }]).apps[0]?.mode).toBe("cluster");
  });

  it("is refused as fork with a health check, and allowed without", () => {
    const app = { name: "shop", script: "a.js", exec_mode: "fork" };
    expect(define([app], { health: "/health" }).problems).toMatchObject([{ fork: true }]);
    expect(define([app]).problems).toEqual([]);
  });
});

describe("a refusal", () => {
  it("names the JavaScript file to write instead of npm", () => {
    const { problems } = define([{ name: "shop", script: "npm", args: "start" }], { health: "/health" });
    expect(problems).toMatchObject([{ app: "shop", hint: expect.stringContaining("node_modules/next/dist/bin/next") }]);
    expect(problemsOf([{ name: "shop", script: "node_modules/.bin/next" }])).toHaveLength(1);
    expect(problemsOf([{ name: "shop", script: "next start" }])).toHaveLength(1);
  });

  it("tells every problem of every app", () => {
    expect(
      problemsOf(
        [
          { name: "shop", script: "a.js", watch: true, autorestart: false, interpreter: "bun", exec_mode: "fork" },
          { name: "shop", script: "b.js" },
        ],
        { apps: { shop: { health: "/health" }, ghost: {} } },
      ),
    ).toHaveLength(6);
  });

  it("asks whose the health check is when there are several apps", () => {
    expect(
      problemsOf(
        [
          { name: "shop", script: "a.js" },
          { name: "blog", script: "b.js" },
        ],
        { health: "/h" },
      ),
    ).toEqual(["one health check is given for 2 apps"]);
  });
});
