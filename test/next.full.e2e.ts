import { existsSync, mkdirSync, readdirSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect } from "vitest";
import { expectError, expectOutcome } from "./support/expect-outcome.ts";
import { hello, nextSite } from "./support/next-site.ts";
import { test } from "./support/site.ts";

const MINUTES = 60_000;

/** A page that is rendered at its first request and kept for a day; it shows which database it was rendered from. */
const KEPT_PAGE = `
  import fs from "node:fs";
  import { content } from "@/db/content";
  import { articles } from "@/db/content-schema";

  export const revalidate = 86400;
  export const dynamicParams = true;
  export function generateStaticParams() { return []; }
  export default async function Kept({ params }: { params: Promise<{ id: string }> }) {
    const rows = await content().$count(articles);
    return <p>page {(await params).id} of {rows} rows from {fs.realpathSync(\`\${process.cwd()}/data/content.db\`)}</p>;
  }
`;

const REVALIDATE = `
  import { revalidatePath } from "next/cache";
  export function POST() {
    revalidatePath("/");
    return new Response("done");
  }
`;

/** Names the uploads in the way that makes Turbopack look into them. */
const UPLOADS = `
  import fs from "node:fs";
  import path from "node:path";
  export const dynamic = "force-dynamic";
  export function GET(request: Request) {
    const name = new URL(request.url).searchParams.get("name") ?? "";
    return new Response(fs.readFileSync(path.join(process.cwd(), "public", "uploads", name)));
  }
`;

describe.each([
  { output: "default", directory: "." },
  { output: "standalone", directory: "." },
  { output: "default", directory: "apps/web" },
  { output: "standalone", directory: "apps/web" },
] as const)("Next.js with output $output in $directory", (variant) => {
  test(
    "goes to live databases at the switch, keeps old chunks, and comes back at a rollback",
    async ({ site }) => {
      const app = await nextSite(site, variant);
      const first = await app.deploy(app.files());
      const trial = "The trial opened the copies of data/content.db, data/core.db, data/system.db.";
      expect(await app.log()).toContain(trial);
      expect(await app.post("/api/system", { kind: "test", message: "live" })).toBe(201);
      const before = await app.chunks();

      const second = await app.deploy({ "src/app/hello.tsx": hello("2") });
      const after = await app.chunks();
      expect(JSON.parse((await app.get("/api/health")).text)).toMatchObject({ ok: true, revision: second });
      expect((await app.get("/api/system")).text).toContain("live");
      const gone = before.filter((chunk) => !after.includes(chunk));
      expect(gone.length).toBeGreaterThan(0);
      for (const chunk of [...before, ...after]) expect([chunk, (await app.get(chunk)).status]).toEqual([chunk, 200]);

      expectOutcome(await site.deployer(["rollback", "--json"]), "rolled-back");
      expect(JSON.parse((await app.get("/api/health")).text)).toMatchObject({ ok: true, revision: first });
      for (const chunk of [...before, ...after]) expect([chunk, (await app.get(chunk)).status]).toEqual([chunk, 200]);
      expect((await app.get("/api/system")).text).toContain("live");
    },
    10 * MINUTES,
  );
});

describe.each(["default", "standalone"] as const)("with output %s", (output) => {
  test(
    "the running release is tried on the migrated copies from a clone",
    async ({ site }) => {
      const app = await nextSite(site, { output });
      const files = app.files();
      await app.deploy(files);
      const journal = JSON.parse(files["drizzle/system/meta/_journal.json"] as string) as { entries: object[] };
      journal.entries.push({ idx: 1, version: "6", when: 4_000_000_000_000, tag: "0001_note", breakpoints: true });
      await app.deploy({
        "drizzle/system/0001_note.sql": "CREATE TABLE note (id integer PRIMARY KEY);",
        "drizzle/system/meta/_journal.json": JSON.stringify(journal),
      });
      // Also of a standalone build, whose server.js holds the config, and with it the directory of the build.
      expect(await app.log()).toMatch(/which is served, on the migrated copies\) was healthy out of traffic/);
      expectOutcome(await site.deployer(["rollback", "--json"]), "rolled-back");
      expect((await app.get("/api/health")).status).toBe(200);
    },
    10 * MINUTES,
  );

  test(
    "a page that was kept in the trial is not what visitors get",
    async ({ site }) => {
      const node = { afterSwitch: ["POST /api/revalidate"] };
      const app = await nextSite(site, { output, health: "/kept/health", node });
      await app.deploy(
        app.files({ "src/app/kept/[id]/page.tsx": KEPT_PAGE, "src/app/api/revalidate/route.ts": REVALIDATE }),
      );
      const log = await app.log();
      expect(log).toContain("POST /api/revalidate: sent to 2 workers.");
      expect(log).toContain("Removed what the trial wrote into the build output");
      const { text } = await app.get("/kept/health");
      expect(text).toContain(realpathSync(join(site.root, "shared/data/content.db")));
      expect(text).not.toContain(".rehearsal");
    },
    10 * MINUTES,
  );

  test(
    "a build that Turbopack refuses is repeated with an empty directory, and uploads are served after it",
    async ({ site }) => {
      const app = await nextSite(site, { output, shared: ["public/uploads/"] });
      mkdirSync(join(site.root, "shared/public/uploads"), { recursive: true });
      writeFileSync(join(site.root, "shared/public/uploads/a.txt"), "uploaded before");
      try {
        await app.deploy(app.files({ "src/app/api/file/route.ts": UPLOADS }));
        expect(await app.log()).toContain("in src/app/api/file/route.ts: path.join(/* turbopackIgnore: true */");
        expect(await app.get("/api/file?name=a.txt")).toEqual({ status: 200, text: "uploaded before" });
        expect(await app.get("/uploads/a.txt")).toEqual({ status: 200, text: "uploaded before" });
        await app.deploy({ "src/app/hello.tsx": hello("2") });
        const log = await app.log();
        expect(log).toContain("public/uploads is empty for this build: Turbopack refused it before.");
        expect(log).not.toContain("could not be resolved: the symlink target leaves");
        expect(existsSync(join(site.root, "shared/public/uploads/a.txt"))).toBe(true);
      } finally {
        // Turbopack leaves a report of each refusal.
        const reports = readdirSync(site.at("tmp")).filter((name) => name.startsWith("next-panic-"));
        for (const report of reports) rmSync(site.at("tmp", report));
      }
    },
    10 * MINUTES,
  );
});

test(
  "a monorepo installs at its top with npm ci, and a trial that opens a live database is refused with the site up",
  async ({ site }) => {
    const app = await nextSite(site, { output: "standalone", directory: "apps/web", install: true });
    const good = await app.deploy(app.files());
    const live = join(site.root, "shared/data/system.db");
    const system = `
    import Database from "better-sqlite3";
    import { drizzle } from "drizzle-orm/better-sqlite3";
    import { connectionOptions, lazy, tune } from "./connection";
    import * as schema from "./system-schema";
    export const system = lazy(() => drizzle(tune(new Database(${JSON.stringify(live)}, connectionOptions)), { schema }));
  `;
    await site.commit({ "apps/web/src/db/system.ts": system });
    const refused = await site.deployer(["check", "--json"], { env: app.npm });
    expectError(refused, "ERR_TRIAL_LIVE_DATABASE", 4);
    expect(refused.json.error?.message).toContain(live);
    expect(JSON.parse((await app.get("/api/health")).text)).toMatchObject({ ok: true, revision: good });
  },
  10 * MINUTES,
);
