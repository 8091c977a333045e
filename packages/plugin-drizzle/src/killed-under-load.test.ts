import { expect, it } from "vitest";
import { type Fault, fault } from "./testing/fault.ts";
import { inAll, leftovers, migratedApp, runInChild, SKU, states } from "./testing/migrated-app.ts";
import { DATABASES } from "./testing/test-app.ts";
import { lostWrites, startWriters } from "./testing/writers.ts";

const ALL_OLD = ["old,old,old"];
const ALL_NEW = ["new,new,new"];
const SOME = ["new,old,old", "new,new,old"];

const CASES: readonly (readonly [what: string, given: Fault, left: readonly string[]])[] = [
  ["killed with nothing locked", { on: "run", matching: "BEGIN IMMEDIATE", act: "kill-both" }, ALL_OLD],
  ["killed under the lock", { on: "prepare", matching: "ALTER TABLE", nth: 2, act: "kill-both" }, ALL_OLD],
  ["killed before the first COMMIT", { on: "run", matching: "COMMIT", act: "kill-both" }, ALL_OLD],
  ["killed before the second COMMIT", { on: "run", matching: "COMMIT", nth: 2, act: "kill-both" }, SOME],
  ["killed before the third COMMIT", { on: "run", matching: "COMMIT", nth: 3, act: "kill-both" }, SOME],
  ["killed after the last COMMIT", { on: "fs", matching: "renameSync", nth: 3, act: "kill-both" }, ALL_NEW],
  ["left alone by its run", { on: "prepare", matching: "ALTER TABLE", act: "kill-parent" }, ALL_OLD],
];

it.each(process.env.MODE === "full" ? CASES : CASES.filter((_, index) => index % 3 === 1))(
  "a migration %s beside an app that writes: no write is lost or refused, and the next run ends new",
  async (_, given, left) => {
    using app = migratedApp();
    await using writers = await startWriters(
      DATABASES.map((name) => app.livePath(name)),
      { rate: 100 },
    );
    expect(await runInChild(app, app.release(inAll(SKU)), fault(given))).toBe("SIGKILL");
    // It is still there for a moment, with its locks.
    if (given.act === "kill-parent") await app.recover();
    expect(left).toContain(states(app).sort().join());
    await app.recover();
    expect([...ALL_OLD, ...ALL_NEW]).toContain(states(app).join());
    await app.deploy(app.release(inAll(SKU)));
    const written = await writers.stop();
    expect(written.map((each) => [each.errors, lostWrites(each)])).toEqual(Array(3).fill([{}, 0]));
    expect([states(app).join(), leftovers(app)]).toEqual([...ALL_NEW, []]);
  },
);
