import { existsSync, readdirSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { expect } from "vitest";
import { hello, nextSite } from "./support/next-site.ts";
import { test } from "./support/site.ts";

// The whole matrix is in next.full.e2e.ts.
test("a standalone build writes to the live databases, reports its revision and still serves old chunks", async ({
  site,
}) => {
  const app = await nextSite(site, { output: "standalone" });
  await app.deploy(app.files());
  const entry = join(site.root, "current/.next/standalone");
  for (const name of ["data", ".env", "public", ".next/static", "REVISION"]) {
    const isThere = existsSync(join(site.root, "current", name));
    if (isThere) expect(readlinkSync(join(entry, name)), name).toMatch(/^(\.\.\/)+/);
  }
  expect(readdirSync(entry)).not.toContain(".rehearsal");
  expect(await app.log()).toContain("The trial opened the copies of data/content.db, data/core.db, data/system.db.");
  const system = { kind: "test", message: "written by the standalone server" };
  expect(await app.post("/api/system", system)).toBe(201);
  expect(messages(site.root)).toContain("written by the standalone server");

  const before = await app.chunks();
  expect(before.length).toBeGreaterThan(2);
  const second = await app.deploy({ "src/app/hello.tsx": hello("2") });
  const after = await app.chunks();
  const gone = before.filter((chunk) => !after.includes(chunk));
  expect(gone.length).toBeGreaterThan(0);
  for (const chunk of [...gone, ...after]) expect({ chunk, ...(await app.get(chunk)) }).toMatchObject({ status: 200 });
  expect(JSON.parse((await app.get("/api/health")).text)).toMatchObject({ ok: true, revision: second });
  expect(messages(site.root)).toContain("written by the standalone server");
}, 300_000);

function messages(root: string): string[] {
  const db = new DatabaseSync(join(root, "shared/data/system.db"), { readOnly: true });
  try {
    return db
      .prepare("SELECT message FROM events")
      .all()
      .map(({ message }) => String(message));
  } finally {
    db.close();
  }
}
