import { spawnSync } from "node:child_process";
import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { inAll, leftovers, migratedApp, SKU, states } from "./testing/migrated-app.ts";
import { DATABASES, type TestApp } from "./testing/test-app.ts";
import { lostWrites, startWriters } from "./testing/writers.ts";

const isFull = process.env.MODE === "full";
const mayTrace = spawnSync("strace", ["-qq", "-o", "/dev/null", "true"]).status === 0;
const NEW = ["new", "new", "new"];
const BIG = { ...SKU, "0001_sku": `${SKU["0001_sku"]};CREATE TABLE big AS SELECT randomblob(4000000) AS x;` };

describe("files that may not grow past a limit (RLIMIT_FSIZE)", () => {
  it.each(isFull ? [8, 64, 512, 1_024, 2_047, 2_048, 3_000, 4_000, 8_000] : [64, 2_500])(
    "of %i KiB: all old or all new, no write lost, and a rerun without it ends new",
    async (kib) => {
      using app = migratedApp();
      // In blocks of 512 bytes.
      const failed = await migrateUnder(app, (node) => `ulimit -f ${kib * 2}\nexec ${node} "$@"`, BIG);
      if (kib < 3_000) expect(failed).toBe(true);
      await expectConverges(app, BIG);
    },
    60_000,
  );
});

describe.skipIf(!mayTrace)(
  mayTrace ? "a write that the kernel fails" : "a write that fails (skipped: no strace here)",
  () => {
    it.each(["EIO", "ENOSPC"])(
      "with %s, at any of them: never damaged, no write lost, and a rerun ends new",
      async (error) => {
        const count = await countWrites();
        const step = isFull ? 1 : Math.ceil(count / 3);
        for (let n = 1; n <= count; n += step) {
          using app = migratedApp();
          await migrateUnder(app, (node) => strace(`-e inject=pwrite64:error=${error}:when=${n}`, "/dev/null", node));
          await expectConverges(app, SKU, n);
        }
      },
      1_800_000,
    );
  },
);

async function countWrites(): Promise<number> {
  using app = migratedApp();
  const log = join(app.root, "writes");
  await migrateUnder(app, (node) => strace("-e trace=pwrite64", log, node));
  expect(states(app)).toEqual(NEW);
  return readFileSync(log, "utf8")
    .split("\n")
    .filter((line) => line.includes("pwrite64(")).length;
}

function strace(what: string, log: string, node: string): string {
  return `exec strace -D -f -qq -o ${log} ${what} ${node} "$@"`;
}

/**
 * Migrates, with the migrating process started by a script in the place of node, beside an app that writes.
 * @returns whether the run failed
 */
async function migrateUnder(app: TestApp, script: (node: string) => string, files = SKU): Promise<boolean> {
  const own = process.execPath;
  const wrapper = join(app.root, "node");
  writeFileSync(wrapper, `#!/bin/sh\n${script(own)}\n`);
  chmodSync(wrapper, 0o755);
  await using writers = await startWriters(
    DATABASES.map((name) => app.livePath(name)),
    { rate: 20 },
  );
  const release = app.release(inAll(files));
  await app.link(release);
  process.execPath = wrapper;
  let failed = false;
  try {
    await app.migrate(release);
  } catch {
    failed = true;
  } finally {
    process.execPath = own;
  }
  const written = await writers.stop();
  expect(written.map((each) => [each.errors, lostWrites(each)])).toEqual(Array(3).fill([{}, 0]));
  return failed;
}

async function expectConverges(app: TestApp, files: typeof SKU, n?: number): Promise<void> {
  await app.recover();
  expect([n, [["old", "old", "old"].join(), NEW.join()].includes(states(app).join())]).toEqual([n, true]);
  await app.deploy(app.release(inAll(files)));
  expect([n, states(app), leftovers(app)]).toEqual([n, NEW, []]);
}
