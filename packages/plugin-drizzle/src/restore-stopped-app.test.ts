import { afterEach, beforeEach, expect, it } from "vitest";
import { inAll, migratedApp, SKU, START, states } from "./testing/migrated-app.ts";
import type { TestApp } from "./testing/test-app.ts";

let app: TestApp;
beforeEach(async () => {
  app = migratedApp();
  await app.deploy(app.release(inAll(SKU)));
  app.served = app.release(inAll(START));
});
afterEach(() => app[Symbol.dispose]());

/** The last to close a database moves its log away, and with it what tells whether anybody wrote. */
it.each([
  ["that wrote before it stopped", "INSERT INTO users (name) VALUES ('late')"],
  ["that only read", "SELECT count(*) FROM users"],
])("db restore with no app there wants the word, also after one %s: what it wrote cannot be told", async (_, sql) => {
  const db = app.open("system");
  db.exec(sql);
  db.close();
  await expect(app.command("restore")).rejects.toMatchObject({
    code: "ERR_WRITES_WOULD_BE_LOST",
    exitCode: 2,
    details: { databases: expect.arrayContaining(["system"]) },
  });
  expect(states(app)).toEqual(["new", "new", "new"]);
  await expect(app.command("restore", { flags: { "lose-writes": true } })).resolves.toMatchObject({ writesLost: true });
  expect(states(app)).toEqual(["old", "old", "old"]);
});
