// A deployment on a disk of its own that another process fills at STAGE: node small-disk-child.ts FOLDER STAGE
// Runs in a namespace of its own (see small-disk.ts), mounts the disk on FOLDER, and prints what came of it.
import { execFileSync } from "node:child_process";
import {
  closeSync,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statfsSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { type Fault, fault } from "./fault.ts";
import { inAll, journalStates, leftovers, migratedApp, SKU, states, until } from "./migrated-app.ts";
import type { Stage, Story } from "./small-disk.ts";
import { DATABASES, threeDatabases } from "./test-app.ts";
import { lostWrites, startWriters } from "./writers.ts";

const [folder, stage] = process.argv.slice(2) as [string, Stage];
execFileSync("mount", ["-t", "tmpfs", "-o", "size=128m", "none", folder]);
process.env.TMPDIR = folder;
const filling = join(folder, "filling");
// The disk is what is tried, and not how fast the machine is.
const app = migratedApp({ ...threeDatabases(), maxLockMs: 60_000 });
for (const name of DATABASES) {
  const db = app.open(name);
  // More than the cache of the migrating connection holds: its statements write.
  db.exec("CREATE TABLE filler AS SELECT randomblob(4000000) AS x");
  db.close();
}
const files = inAll({ ...SKU, "0001_sku": `${SKU["0001_sku"]};UPDATE filler SET x = randomblob(4000000);` });

/** Where the migrating process waits for the disk to be filled. */
const POINTS: Readonly<Partial<Record<Stage, Pick<Fault, "on" | "matching" | "nth">>>> = {
  statements: { on: "run", matching: "UPDATE filler", nth: 3 },
  // After the journal's first state and three reserves: the one that says committing.
  journal: { on: "fs", matching: "writeFileSync", nth: 5 },
  commit: { on: "fs", matching: "deployer-reserve", nth: 4 },
};

const writers = await startWriters(
  DATABASES.map((name) => app.livePath(name)),
  { rate: 20 },
);
const error = await attempt();
await app.recover().catch(() => undefined);
const { bavail: free } = statfsSync(folder);
rmSync(filling, { force: true });
const after = { states: states(app), leftovers: leftovers(app), journals: journalStates(app), snapshots: snapshots() };
await app.deploy(app.release(files));
const written = await writers.stop();
const story: Story = {
  ...{ error, free, ...after },
  rerun: { states: states(app), leftovers: leftovers(app) },
  lost: written.map(lostWrites),
  refused: [...new Set(written.flatMap(({ errors }) => Object.keys(errors)))],
};
process.stdout.write(JSON.stringify(story));
process.exit();

async function attempt(): Promise<Story["error"]> {
  try {
    const release = app.release(files);
    if (stage === "rehearsal") {
      const { fs } = app.context;
      // After the room was measured, and found to be enough.
      const freeBytes = async (path: string): Promise<number> => fs.freeBytes(path).finally(() => fill(2 ** 20));
      app.context = { ...app.context, fs: { ...fs, freeBytes } };
      await app.link(release).finally(() => {
        app.context = { ...app.context, fs };
      });
    }
    await app.link(release);
    if (stage === "snapshot") fill(2 ** 20);
    const point = POINTS[stage];
    const file = join(folder, "stopped");
    const { context } = app;
    if (point !== undefined) {
      app.context = { ...context, env: { ...context.env, ...fault({ ...point, act: "stop", file }) } };
      writeFileSync(file, "");
    }
    const migrating = app.migrate(release);
    migrating.catch(() => undefined);
    if (point !== undefined) {
      await Promise.race([until(() => existsSync(file) && readFileSync(file, "utf8") !== ""), migrating]);
      fill(0);
      closeSync(openSync(`${file}.go`, "w"));
    }
    await migrating.finally(() => {
      app.context = context;
    });
    return null;
  } catch (error) {
    const { code, exitCode, message } = error as { code?: string; exitCode?: number; message: string };
    return { code, exitCode, message };
  }
}

/** As another process would, to the last block but these. */
function fill(butBytes: number): void {
  const file = openSync(filling, "w");
  const { bavail, bsize } = statfsSync(folder);
  const block = Buffer.alloc(bsize);
  for (let left = bavail - butBytes / bsize; left > 0; left -= 1) {
    try {
      writeSync(file, block);
    } catch {
      break;
    }
  }
  closeSync(file);
}

function snapshots(): string[] {
  const { snapshots: path } = app.context.paths;
  return existsSync(path) ? readdirSync(path) : [];
}
