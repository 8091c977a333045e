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

/** Two Server Actions: an exported one, and one with a value of its own, which the build encrypts into the static page. */
function greeting(version: string): Record<string, string> {
  return {
    "src/app/greet/actions.ts": `"use server";
      import { redirect } from "next/navigation";
      export async function greet(form: FormData) { redirect("/?greet=" + form.get("name") + "-by-${version}"); }
    `,
    "src/app/greet/page.tsx": `
      import { redirect } from "next/navigation";
      import { greet } from "./actions";
      export default function Greet() {
        const value = "of-${version}";
        async function inline(form: FormData) {
          "use server";
          redirect("/?inline=" + value + "-by-${version}");
        }
        return <main><form action={greet} /><form action={inline} /></main>;
      }
    `,
    "src/app/now/page.tsx": `
      export const dynamic = "force-dynamic";
      export default function Now() { return <p>{Date.now()}</p>; }
    `,
  };
}

test("an open page calls its Server Actions in the next release, and all pages name one deployment", async ({
  site,
}) => {
  const app = await nextSite(site, { output: "default", next: "deploymentId: process.env.DEPLOYER_REVISION," });
  const deployments = async (): Promise<unknown[]> =>
    Promise.all(["/greet", "/now"].map(async (path) => /data-dpl-id="([^"]*)"/.exec((await app.get(path)).text)?.[1]));
  const first = await app.deploy(app.files(greeting("1")));
  expect(await deployments()).toEqual([first, first]);
  const open = formsOf((await app.get("/greet")).text);
  expect(await Promise.all(open.map((fields) => sendForm(app.url, fields)))).toEqual([
    "/?greet=Ada-by-1",
    "/?inline=of-1-by-1",
  ]);

  const second = await app.deploy(greeting("2"));
  expect(await deployments()).toEqual([second, second]);
  expect(await Promise.all(open.map((fields) => sendForm(app.url, fields)))).toEqual([
    "/?greet=Ada-by-2",
    "/?inline=of-1-by-2",
  ]);
  const [action] = Object.keys(open[0] ?? {});
  expect(await callAction(app.url, (action as string).replace("$ACTION_ID_", ""))).toContain("/?greet=Ada-by-2");
  expect(await app.log()).not.toContain("A page that is open cannot call");
  const key = (await site.read(".deployer/keys/next-server-actions")).trim();
  for (const name of readdirSync(join(site.root, ".deployer/logs"))) {
    expect(await site.read(join(".deployer/logs", name))).not.toContain(key);
  }
}, 300_000);

/** The hidden fields of each form, as React gives them to a browser in which its code does not run yet. */
function formsOf(html: string): Record<string, string>[] {
  const text = (value: string): string => value.replaceAll("&quot;", '"').replaceAll("&amp;", "&");
  return [...html.matchAll(/<form[^>]*>(.*?)<\/form>/gs)].map(([, inner]) =>
    Object.fromEntries(
      [...(inner as string).matchAll(/name="(\$ACTION[^"]*)"(?: value="([^"]*)")?/g)].map(([, name, value]) => [
        name,
        text(value ?? ""),
      ]),
    ),
  );
}

/** Where the answer leads. */
async function sendForm(url: string, fields: Record<string, string>): Promise<string> {
  const body = new FormData();
  for (const [name, value] of Object.entries({ ...fields, name: "Ada" })) body.set(name, value);
  const answer = await fetch(`${url}/greet`, { method: "POST", body, redirect: "manual" });
  return answer.headers.get("location") ?? `${answer.status} ${await answer.text()}`;
}

/** As the code of a page that has loaded calls it. */
async function callAction(url: string, id: string): Promise<string> {
  const body = new FormData();
  body.set("_1_name", "Ada");
  body.set("0", '["$K1"]');
  const headers = { "next-action": id, accept: "text/x-component" };
  const answer = await fetch(`${url}/greet`, { method: "POST", body, headers, redirect: "manual" });
  return answer.headers.get("x-action-redirect") ?? `${answer.status} ${await answer.text()}`;
}

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
