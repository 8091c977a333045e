import { rename, symlink } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { shareDaemon } from "./testing/machine.ts";
import { Stage, quickSettings as settings } from "./testing/stage.ts";

let stage: Stage;

shareDaemon();

beforeEach(async () => {
  stage = await Stage.make();
});

afterEach(() => stage.close());

const APP = { name: "shop", script: "server.js", exec_mode: "cluster", instances: 2, env: { FLAG: "one" } };

it.each([
  ["through a link to the root", (root: string) => [root, `${root}-link`, "current"] as const],
  [
    "through a link to a folder above the root",
    (root: string) => [join(root, ".."), `${root}-link`, "r/current"] as const,
  ],
  ["through a link to `current`", (root: string) => [join(root, "current"), `${root}-link`, ""] as const],
])("workers that PM2 was told of %s are ours: reloaded in place, with no failed request", async (_case, named) => {
  const { machine } = stage;
  const first = await machine.release();
  await machine.point(first);
  const [target, link, rest] = named(machine.root);
  await symlink(target, link);
  await machine.startDaemon();
  await machine.manager.start({ ...APP, cwd: join(link, rest) });
  await expect.poll(() => stage.answer().catch(() => undefined)).toMatchObject({ revision: first.revision.hash });
  stage.visitors();
  const second = await machine.release();
  const context = await machine.deploy(second, first, settings());
  expect(context.infos.join("\n")).not.toContain("/r-link");
  const { failed, failures } = await stage.leave();
  expect({ failed, failures }).toEqual({ failed: 0, failures: {} });
  const list = await machine.manager.list();
  expect(list.map(({ name, stored }) => [name, stored.pm_cwd])).toEqual(
    Array(2).fill(["shop", join(machine.root, "current")]),
  );
  expect((await stage.workers()).map(({ cwd }) => cwd)).toEqual([second.path, second.path]);
});

it("an ecosystem file may name the root through a link, and releases may be kept elsewhere", async () => {
  const { machine } = stage;
  const elsewhere = join(machine.root, "..", "disk");
  await rename(join(machine.root, "releases"), elsewhere);
  await symlink(elsewhere, join(machine.root, "releases"));
  await symlink(machine.root, `${machine.root}-link`);
  const first = await machine.release({ ecosystem: { cwd: join(`${machine.root}-link`, "current") } });
  const second = await machine.release({ ecosystem: { script: join(`${machine.root}-link`, "current", "server.js") } });
  await machine.deploy(first, undefined, settings());
  const context = await machine.deploy(second, first, settings());
  expect(context.warnings).toEqual([]);
  const list = await machine.manager.list();
  expect(list.map(({ cwd }) => cwd)).toEqual(Array(2).fill(join(machine.root, "current")));
  expect((await stage.workers()).map(({ cwd }) => cwd)).toEqual(Array(2).fill(join(elsewhere, second.id)));
});
