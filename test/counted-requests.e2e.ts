import type { HistoryEntry } from "@deployer/core";
import { describe, expect } from "vitest";
import { webApp } from "./support/apps.ts";
import { servedApp } from "./support/served-app.ts";
import { test } from "./support/site.ts";

describe("counted requests", () => {
  test("stand in the result, in the text and in the history of the run", async ({ site }) => {
    const app = await servedApp(site);
    await app.configure({ instances: 1, pm2: { probe: true } });
    await site.commit(webApp("1"));
    const first = (await site.deployer(["check", "--json"])).json;
    expect(first).toMatchObject({ outcome: "deployed", requests: null });

    await site.commit(webApp("2"));
    const { stdout } = await site.deployer(["check"]);
    expect(stdout).toMatch(/Requests meanwhile: 0 failed of \d+, worst \d+ ms\./);
    const { runs } = (await site.deployer<{ runs: HistoryEntry[] }>(["history", "--json"])).json;
    expect(runs[0]?.result?.requests).toMatchObject({ failed: 0 });
    expect(runs[0]?.result?.requests?.sent).toBeGreaterThan(20);
    expect((await site.deployer(["history"])).stdout).toMatch(/requests: 0 failed of \d+, worst \d+ ms/);
  });
});
