import { describe, expect } from "vitest";
import { bytes, configureDatabases, databaseApp, migrationsOf } from "./support/database-app.ts";
import { expectError, expectOutcome } from "./support/expect-outcome.ts";
import { processesOf } from "./support/processes.ts";
import { type Site, test } from "./support/site.ts";
import { until } from "./support/until.ts";

const ENDLESS = "WITH RECURSIVE n(x) AS (VALUES (1) UNION ALL SELECT x + 1 FROM n) SELECT max(x) FROM n;";

describe("SQL of a repository that does not end", () => {
  test("is ended with the run that Ctrl-C ends, and dies with a run that is killed; nothing is left", async ({
    site,
  }) => {
    const { env } = await configureDatabases(site);
    await site.commit(databaseApp());
    expectOutcome(await site.deployer(["check", "--json"], { env }), "deployed");
    const before = { footprint: await site.footprint(), bytes: bytes(site) };
    await site.commit(migrationsOf({ core: { "0001_endless": ENDLESS } }));

    for (const command of [["check"], ["db", "plan"]]) {
      const interrupted = site.startDeployer([...command, "--json"], { env });
      await inTheMiddle(site, interrupted);
      interrupted.kill("SIGINT");
      expectError(await interrupted.ended, "ERR_INTERRUPTED", 130);
      expect(await site.strays()).toEqual([]);
      expect({ footprint: await site.footprint(), bytes: bytes(site) }).toEqual(before);
    }

    const killed = site.startDeployer(["check", "--json"], { env });
    await inTheMiddle(site, killed);
    killed.kill("SIGKILL");
    await killed.ended;
    expect(await site.strays()).toEqual([]);
    await site.commit(migrationsOf({ core: { "0001_note": "ALTER TABLE items ADD note text;" } }));
    expectOutcome(await site.deployer(["check", "--json"], { env }), "deployed");
  });
});

/** The process that runs the statement is there. */
async function inTheMiddle(site: Site, run: { readonly pid: number }): Promise<void> {
  await until("the statement is run", async () =>
    (await processesOf(site.folder)).some(({ pid, command }) => pid !== run.pid && command.includes("judge-child")),
  );
}
