import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { runCommand } from "../plugin/command.ts";
import { definePlugin } from "../plugin/define-plugin.ts";
import { RunStore } from "../store/run-store.ts";
import { deployerWith } from "../testing/index.ts";
import { history, releases, status } from "./overview.ts";

const ENV = `PORT=3000
NODE_ENV=production
STRIPE=plainly9secret
SMTP_PASS="sword fish 77"
LETTER="line one 1x2y3z
line two 4a5b6c"
DATABASE_URL=postgres://shop:gr@vel:42/x@db/shop
`;
const SECRETS = ["plainly9secret", "sword fish 77", "line one 1x2y3z", "line two 4a5b6c", "gr@vel:42/x", "hunter2"];

const leaking = definePlugin<{ remote: string }>(() => ({
  name: "leaking",
  async build(ctx) {
    ctx.info(`from ${join(ctx.paths.shared, ".env")}: ${readFileSync(join(ctx.paths.shared, ".env"), "utf8")}`);
    ctx.warn("plainly9secret");
    // Flushed in the middle of a secret, and of a line.
    const script = "cat .env; printf 'port 3000 plainly9'; sleep 0.1; echo secret; printenv GIVEN; exit 3";
    await runCommand(ctx, {
      file: "sh",
      args: ["-c", script],
      cwd: ctx.release.appPath,
      env: ctx.env,
      timeoutMs: 20_000,
    });
  },
}));

it("nothing that is told of a run holds a value of the shared env file, or an option of a plugin", async () => {
  const environment = { ...process.env, GIVEN: "giv3n-t0-it" };
  await using app = await deployerWith({
    plugins: [leaking({ remote: "https://me:hunter2@example.org/shop.git" })],
    config: { shared: [".env"], env: ["GIVEN"] },
    options: { environment },
  });
  mkdirSync(app.paths.shared);
  writeFileSync(join(app.paths.shared, ".env"), ENV);
  const result = await app.deployer.check();
  expect(result).toMatchObject({ exitCode: 4, error: { code: "ERR_COMMAND_FAILED" } });
  const log = readFileSync(result.log as string, "utf8");
  const told = {
    log,
    result,
    events: app.reporter.events,
    history: history(app.resolved.config, 9),
    status: await status(app.resolved),
    releases: await releases(app.resolved.config),
  };
  for (const [where, what] of Object.entries(told))
    for (const secret of [...SECRETS, "giv3n-t0-it"]) expect(JSON.stringify(what), where).not.toContain(secret);
  // What is no secret can be read.
  for (const line of ["PORT=3000", "NODE_ENV=production", "port 3000 [redacted]"]) expect(log).toContain(line);
  expect(told.history[0]?.plugins).toEqual(["remote", "leaking"]);

  const store = RunStore.openReadOnly(app.paths.store);
  expect(store?.history(1)[0]?.plugins.at(-1)?.options).toEqual({ remote: "https://me:hunter2@example.org/shop.git" });
  store?.close();
});
