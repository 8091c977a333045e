import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { downtime } from "./downtime.ts";
import { quickSettings, Stage } from "./testing/stage.ts";

let stage: Stage;

beforeEach(async () => {
  stage = await Stage.make();
});

afterEach(() => stage.close());

it("workers on which PM2 has given up are told, and a reload starts them when the cause is gone", async () => {
  const { machine } = stage;
  const bad = join(machine.root, "bad");
  const release = await machine.release({
    first: `if (require("node:fs").existsSync(${JSON.stringify(bad)})) process.exit(1);`,
    ecosystem: { instances: 1, max_restarts: 2 },
  });
  await machine.deploy(release, undefined, quickSettings());
  const seen = () => downtime({ ...machine.context(), current: release });
  expect(await seen()).toBeUndefined();
  await writeFile(bad, "");
  machine.context().processes.signal((await machine.manager.list())[0]?.pid ?? 0, "SIGKILL");
  await expect.poll(seen, { timeout: 20_000 }).toMatchObject({
    problem: "Ended at every start: 1 of 1 workers of shop.",
    canRestore: false,
  });
  await rm(bad);
  await machine.deploy(release, release, quickSettings());
  expect(await seen()).toBeUndefined();
  expect(await stage.answer()).toMatchObject({ revision: release.revision.hash });
});
