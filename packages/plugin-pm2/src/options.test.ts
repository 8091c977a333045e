import { describe, expect, it } from "vitest";
import { pm2OptionsSchema } from "./options.ts";

const problems = (options: unknown) => {
  const result = pm2OptionsSchema.safeParse(options);
  return result.success ? [] : result.error.issues.map(({ path }) => path.join("."));
};

describe("the options", () => {
  it("want the ecosystem file or scripts", () => {
    expect(problems({})).toEqual(["ecosystem"]);
    expect(problems({ ecosystem: "ecosystem.config.cjs" })).toEqual([]);
    expect(problems({ apps: { shop: { script: "server.js", health: "/health" }, mailer: {} } })).toEqual([
      "apps.mailer.script",
    ]);
  });

  it("take only health checks beside an ecosystem file", () => {
    expect(problems({ ecosystem: "e.cjs", apps: { shop: { health: "/health" }, mailer: {} } })).toEqual([]);
    expect(problems({ ecosystem: "e.cjs", apps: { shop: { script: "x.js", instances: 2 } } })).toEqual([
      "apps.shop.script",
      "apps.shop.instances",
    ]);
  });

  it("refuse one health check for several apps, and two for one", () => {
    const apps = { shop: { script: "a.js" }, blog: { script: "b.js" } };
    expect(problems({ health: "/health", apps })).toEqual(["health"]);
    expect(problems({ health: "/health", apps: { shop: { script: "a.js", health: "/h" } } })).toEqual([
      "apps.shop.health",
    ]);
  });

  it("take a health check over HTTP, of a port, or by a command, and none that is a mixture", () => {
    const check = (health: unknown) => problems({ ecosystem: "e.cjs", health });
    for (const health of [
      "/health",
      { path: "/", status: 204 },
      { path: "/", status: "200-499", body: "ready" },
      { path: "/", body: "/^ready$/m" },
      { tcp: 5432, timeoutMs: 100 },
      { command: ["node", "healthy.js"] },
    ])
      expect(check(health)).toEqual([]);
    for (const health of [
      "health",
      { path: "/", status: "2xx" },
      { path: "/", body: "/(/" },
      { path: "/", tcp: 80 },
      { tcp: 0 },
      { command: [] },
    ])
      expect(check(health)).toEqual([expect.stringMatching(/^health/)]);
  });

  it("refuse unknown fields, paths out of the app and revisions in two places, all at once", () => {
    expect(
      problems({ ecosystem: "../e.cjs", healt: "/x", health: { path: "/h", json: "a", header: "b" } }).toSorted(),
    ).toEqual(["", "ecosystem", "health"]);
  });
});
