// The main job, on a real Next.js app with three SQLite databases, a real git remote and a real PM2, all in one
// temporary folder. Each act says what should happen; anything else ends the demo with exit code 1.
//
//   npm run demo               about three minutes
//   npm run demo -- --keep     leaves the site running, and says how to look at it and how to stop it

import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { Act, show, type Totals } from "./demo/act.ts";
import { applyChange, type ChangeName, changes } from "./demo/changes.ts";
import { World } from "./demo/world.ts";

const keep = process.argv.includes("--keep");
const totals: Totals = { sent: 0, failed: 0 };
const began = performance.now();
let world: World | undefined;
let ended = false;

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => {
    void finish(false).then(() => process.exit(130));
  });
}

try {
  world = await World.create();
  await story(world);
  const seconds = Math.round((performance.now() - began) / 1000);
  console.log(`\n━━ Done in ${seconds} s: ${totals.sent} requests sent during deployments, ${totals.failed} failed.`);
  if (keep) tellHowToStop(world);
} catch (error) {
  process.exitCode = 1;
  console.error(`\n✖ Not as told: ${error instanceof Error ? error.message : String(error)}`);
}
await finish(keep && process.exitCode === undefined);

async function story(world: World): Promise<void> {
  const act = new Act(world, totals);
  const change = async (name: ChangeName): Promise<string> => {
    applyChange(world.app, changes[name]);
    return world.push(changes[name].message);
  };
  const takeBack = (): Promise<string> => world.git("revert", "--no-edit", "HEAD");
  let good = await world.push("A shop with three databases");

  act.heading("1. The first deployment: nothing is there yet");
  await act.deployer(["check"], {
    exitCode: 0,
    says: ["Deployed", "Migrated core", "Migrated system", "Migrated content"],
  });
  act.say("requests meanwhile: none, there was no site to visit");
  await act.expectSite(good, "Groceries with a story");

  act.heading("2. Cron comes again: the hash has not moved, so nothing is fetched and nothing is done");
  await act.underLoad(() => act.deployer(["check"], { exitCode: 0, says: ["Up to date"] }));

  act.heading(
    "3. A commit with a migration. The prerendered page selects the new column, and visitors are on the site",
  );
  good = await change("subtitle");
  await act.underLoad(() =>
    act.deployer(["check"], { exitCode: 0, says: ["Deployed", "Migrated content: 0002_subtitle"] }),
  );
  await act.expectSite(good, "From our pantry");

  act.heading(
    "4. A commit whose migration would break the running release, and fail on the data: refused before anything is built",
  );
  await change("bad-migration");
  await act.underLoad(() => act.deployer(["check"], { exitCode: 4, says: [/ERR_MIGRATION_(FAILED|BREAKS)/] }));
  await act.expectSite(good, "From our pantry");
  act.say("Cron comes again: the failed revision is held, until a new commit or a person decides otherwise.");
  await act.deployer(["check"], { exitCode: 0, says: ["Held"] });

  act.heading("5. A commit that does not build");
  await takeBack();
  await change("bad-build");
  await act.underLoad(() => act.deployer(["check"], { exitCode: 4, says: ["ERR_BUILD_FAILED"] }));
  await act.expectSite(good, "From our pantry");

  act.heading("6. A commit that builds and crashes at start: it is tried out of traffic, on copies of the databases");
  await takeBack();
  await change("crash-at-start");
  await act.underLoad(() => act.deployer(["check"], { exitCode: 4, says: [/ERR_(CANDIDATE_DIED|UNHEALTHY)/] }));
  await act.expectSite(good, "From our pantry");

  act.heading("7. The deployer is killed with SIGKILL in the middle of a build");
  await takeBack();
  const next = await change("good-again");
  await act.underLoad(() => killInBuild(world, act));
  await act.expectSite(good, "From our pantry");
  act.say("The next check settles what the dead run left, and deploys.");
  const before = good;
  good = next;
  await act.underLoad(() => act.deployer(["check"], { exitCode: 0, says: ["had died; it is undone", "Deployed"] }));
  await act.expectSite(good, "delivered on Fridays");

  act.heading("8. A person goes back to the release before");
  await act.underLoad(() => act.deployer(["rollback"], { exitCode: 0, says: ["Rolled back"] }));
  await act.expectSite(before, "From our pantry");
  await act.deployer(["check"], { exitCode: 0, says: ["rolled back by a person"] });

  act.heading("9. What there is now");
  await act.underLoad(async () => {
    await act.deployer(["status"], { exitCode: 0, says: [before.slice(0, 7)] });
    await act.deployer(["releases"], { exitCode: 0, says: [before.slice(0, 7), good.slice(0, 7)] });
  });
  if (world.marked().length > 0) throw new Error("processes of a run are still there");
}

/** Kills the deployer when Next.js has begun to write its build. */
async function killInBuild(world: World, act: Act): Promise<void> {
  const releases = join(world.root, "releases");
  const known = new Set(readdirSync(releases));
  act.say("$ deployer check");
  const { child, ended } = world.start(["check"], show);
  const deadline = performance.now() + 120_000;
  while (!readdirSync(releases).some((id) => !known.has(id) && existsSync(join(releases, id, ".next")))) {
    if (child.exitCode !== null || performance.now() > deadline) throw new Error("the build did not begin");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  child.kill("SIGKILL");
  await ended;
  act.say("SIGKILL. The build that it had started may still be at work; nobody is told.");
}

function tellHowToStop(world: World): void {
  console.log(`
It goes on running:
  the site         ${world.url}
  its folder       ${world.root}
  its processes    PM2_HOME=${world.folder}/pm2 node_modules/.bin/pm2 list
  the deployer     PM2_HOME=${world.folder}/pm2 node_modules/.bin/node packages/cli/bin/deployer.js status --config ${world.config}
To stop it:
  PM2_HOME=${world.folder}/pm2 node_modules/.bin/pm2 kill; rm -rf ${world.folder}`);
}

async function finish(leave: boolean): Promise<void> {
  if (ended || leave || world === undefined) return;
  ended = true;
  const killed = await world.remove();
  if (killed.length > 0) console.log(`Ended ${killed.length} processes that were still there.`);
}
