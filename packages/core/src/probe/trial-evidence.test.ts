import { once } from "node:events";
import { linkSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { endRunProcesses } from "../lifecycle/run-processes.ts";
import { procProcessTable } from "../ports/proc-process-table.ts";
import { systemClock } from "../ports/system-clock.ts";
import { type TemporaryRoot, temporaryRoot } from "../testing/temporary.ts";
import { type TestContext, testContext } from "../testing/test-context.ts";
import { runCandidate } from "./candidate.ts";
import { watchTrial } from "./trial-evidence.ts";

let root: TemporaryRoot;
let app: string;

beforeEach(() => {
  root = temporaryRoot();
  app = join(root.paths.releases, "r1");
  mkdirSync(app, { recursive: true });
});

afterEach(async () => {
  // A child that left the candidate's group is ended by the run; here there is none.
  await endRunProcesses(procProcessTable, systemClock, `test-${process.pid}`);
  await root.remove();
});

function database(path: string): string {
  mkdirSync(dirname(path), { recursive: true });
  const db = new DatabaseSync(path);
  db.exec("PRAGMA journal_mode = WAL; CREATE TABLE items (id INTEGER PRIMARY KEY)");
  db.close();
  return path;
}

/** A release whose `data` leads to copies of these databases. */
function copiesOf(...names: string[]): { name: string; live: string; copy: string }[] {
  symlinkSync(".rehearsal/data", join(app, "data"));
  return names.map((name) => ({
    name,
    live: database(join(root.paths.shared, name)),
    copy: database(join(app, ".rehearsal", name)),
  }));
}

/** Tries an app that does this before it listens, and this at each request. */
async function trial(
  copies: { name: string; live: string; copy: string }[],
  start: string,
  atRequest = "",
): Promise<TestContext> {
  const context = { ...testContext(root.path), copies };
  const file = join(app, "server.cjs");
  writeFileSync(
    file,
    `const { DatabaseSync } = require("node:sqlite");
     const { createServer } = require("node:http");
     ${start};
     createServer((_, response) => { ${atRequest}; response.end("well"); }).listen(0);`,
  );
  const release = { id: "r1", revision: { hash: "h", ref: "main", remote: "" }, path: app, appPath: app, sequence: 1 };
  const tried = { label: "r1", release, directory: app, environment: {} };
  const evidence = await watchTrial(context, tried);
  await runCandidate({
    context,
    trial: tried,
    file,
    env: {},
    health: "/",
    settleMs: 300,
    startTimeoutMs: 20_000,
    onHealthy: evidence.look,
  });
  evidence.tell();
  return context;
}

const open = (path: string, options = "{}"): string =>
  `const db = globalThis.db = new DatabaseSync(${JSON.stringify(path)}, ${options}); db.prepare("SELECT * FROM items").all()`;

it("connections of a trial are told", async () => {
  await using elsewhere = createServer().listen(0, "127.0.0.1");
  await once(elsewhere, "listening");
  const { port } = elsewhere.address() as AddressInfo;
  const connected = `globalThis.kept = require("node:net").connect(${port}, "127.0.0.1")`;
  const { infos } = await trial([], connected, "if (globalThis.kept.connecting) response.statusCode = 503");
  expect(infos).toEqual([`The trial was connected to 127.0.0.1:${port}: what it writes there is not on copies.`]);
});

describe("the open files of a trial", () => {
  it("show which copies were opened, and which were not seen", async () => {
    const context = await trial(copiesOf("data/core.db", "data/system.db"), open("data/core.db"));
    expect(context.infos).toEqual([
      "The trial opened the copies of data/core.db.",
      "Not seen which database the trial opened for data/system.db: let the health check read from it, and it will be.",
    ]);
  });

  it("stop the run when a live database is among them, by whatever name it was opened", async () => {
    const copies = copiesOf("data/core.db");
    const other = join(root.path, "other.db");
    symlinkSync(copies[0]?.live as string, other);
    await expect(trial(copies, open(other))).rejects.toMatchObject({
      code: "ERR_TRIAL_LIVE_DATABASE",
      exitCode: 4,
      details: { live: copies[0]?.live },
    });
  });

  it("stop the run when a live database by absolute path is among them, and name the variable", async () => {
    const live = database(join(root.path, "elsewhere/core.db"));
    const copy = database(join(app, ".rehearsal/.beside/0/core.db"));
    await expect(trial([{ name: live, live, copy }], open(live))).rejects.toMatchObject({
      code: "ERR_TRIAL_LIVE_DATABASE",
      message: expect.stringContaining(`a copy stands at ${copy}.`),
      hint: "Have it opened by the variable that the database plugin knows (`env`).",
    });
  });

  it.each([false, true])(
    "stop the run when a child process has opened a live database (detached: %s)",
    async (detached) => {
      const copies = copiesOf("data/core.db");
      const child = `require("node:child_process").spawn(process.execPath, ["-e", ${JSON.stringify(
        `const { DatabaseSync } = require("node:sqlite"); ${open(copies[0]?.live as string)}; console.log("open"); setInterval(() => {}, 1000)`,
      )}], { detached: ${detached}, stdio: ["ignore", "pipe", "ignore"] }).stdout.once("data", () => { globalThis.isOpen = true })`;
      const atRequest = 'if (!globalThis.isOpen) { response.statusCode = 503; return response.end("not yet"); }';
      await expect(trial(copies, child, atRequest)).rejects.toMatchObject({ code: "ERR_TRIAL_LIVE_DATABASE" });
    },
  );

  it("stop the run when a database of the release itself is written to, and say what to share", async () => {
    const copies = copiesOf("data/core.db");
    const path = database(join(app, ".next/standalone/data/core.db"));
    await expect(trial(copies, open(path))).rejects.toMatchObject({
      code: "ERR_TRIAL_PRIVATE_DATABASE",
      exitCode: 4,
      hint: expect.stringContaining('"data/"'),
      details: { path },
    });
  });

  it("stop the run for a private database even where nothing is copied", async () => {
    const path = database(join(app, "var/jobs.sqlite"));
    await expect(trial([], open(path))).rejects.toMatchObject({ code: "ERR_TRIAL_PRIVATE_DATABASE" });
  });

  it("may have a database of the release that is only read, and one of a package", async () => {
    const geo = database(join(app, "assets/geo.db"));
    const own = database(join(app, "node_modules/a/test.db"));
    const start = `${open(geo, "{ readOnly: true }")}; globalThis.other = new DatabaseSync(${JSON.stringify(own)})`;
    expect((await trial([], start)).infos).toEqual([]);
  });
});

describe("connections that are closed before anyone looks", () => {
  const perRequest = (path: string, sql: string): string =>
    `const db = new DatabaseSync(${JSON.stringify(path)}); db.exec(${JSON.stringify(sql)}); db.close()`;

  it("are seen by what they write into the copy", async () => {
    const context = await trial(
      copiesOf("data/core.db"),
      "",
      perRequest("data/core.db", "INSERT INTO items DEFAULT VALUES"),
    );
    expect(context.infos).toEqual(["The trial opened the copies of data/core.db."]);
  });

  it("are reported as unknown, never as fine, when they only come and go", async () => {
    const copies = copiesOf("data/core.db");
    const context = await trial(copies, "", perRequest("data/core.db", "SELECT * FROM items"));
    expect(context.infos.join()).toContain(
      "Not seen which database the trial opened for data/core.db: something came and went beside the copies",
    );
  });

  it("leave the live database as it was", async () => {
    const copies = copiesOf("data/core.db");
    const before = readFileSync(copies[0]?.live as string);
    linkSync(copies[0]?.live as string, join(root.path, "witness"));
    await trial(copies, "", perRequest("data/core.db", "INSERT INTO items DEFAULT VALUES"));
    expect(readFileSync(join(root.path, "witness"))).toEqual(before);
  });
});
