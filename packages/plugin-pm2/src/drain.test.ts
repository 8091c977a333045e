import { readFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { teachToDrain } from "./teach-to-drain.ts";
import { SLOW } from "./testing/app.ts";
import { shareDaemon } from "./testing/machine.ts";
import { Stage, quickSettings as settings } from "./testing/stage.ts";

let stage: Stage;

shareDaemon();

beforeEach(async () => {
  stage = await Stage.make();
});

afterEach(() => stage.close());

async function startByHand(): Promise<void> {
  const { machine } = stage;
  await machine.startDaemon();
  const definition = { script: "server.js", exec_mode: "cluster", instances: 2 };
  await machine.manager.start({ name: "shop", cwd: join(machine.root, "current"), ...definition });
  await expect.poll(() => stage.answer().catch(() => undefined)).toBeDefined();
}

it("a cluster started by hand, without any shutdown code, is taken over with no failed request", async () => {
  const { machine } = stage;
  const first = await machine.release({ handler: SLOW });
  await machine.point(first);
  await startByHand();
  stage.visitors();
  const second = await machine.release({ handler: SLOW });
  await machine.deploy(second, undefined, settings());
  expect((await stage.leave()).failures).toEqual({});
  const workers = await stage.workers();
  expect(workers).toEqual(Array(2).fill({ name: "shop", status: "online", cwd: second.path }));
});

it("its own shutdown code still runs, after the last request", async () => {
  const { machine } = stage;
  await machine.point(await machine.release({ handler: COUNTED, last: TELLS }));
  await startByHand();
  stage.visitors();
  await machine.deploy(await machine.release(), undefined, settings());
  expect((await stage.leave()).failures).toEqual({});
  expect(await told()).toEqual(["0", "0"]);
});

it("a process in fork mode, which has no visitors, is not touched by it", async () => {
  const { machine } = stage;
  const { health: _, ...withoutHealth } = settings();
  const app = { ecosystem: { exec_mode: "fork", instances: undefined } };
  const first = await machine.release(app);
  await machine.deploy(first, undefined, withoutHealth);
  const [before] = await machine.manager.list();
  await machine.deploy(await machine.release(app), first, withoutHealth);
  const [worker] = await machine.manager.list();
  expect([worker?.mode, worker?.pid === before?.pid]).toEqual(["fork", false]);
  expect(await readFile(join(machine.home, "logs/shop-error.log"), "utf8")).not.toContain("Debugger");
});

it("a process that cannot be taught is left alone, and why is said", async () => {
  const { machine } = stage;
  await machine.point(await machine.release());
  await startByHand();
  const base = machine.context();
  let now = 0;
  // Impatient: the port is free again before a test beside this one gives up on it.
  const impatient = { ...base, clock: { ...base.clock, elapsed: () => (now += 2_000) } };
  const [worker] = await machine.manager.list();
  const pid = worker?.pid ?? 0;
  await using taken = createServer();
  await new Promise<void>((resolve) => taken.listen(9229, "127.0.0.1", resolve));
  expect(await teachToDrain(impatient, { pid }, "/nonexistent", 1_000)).toContain("port 9229");
  await new Promise((resolve) => taken.close(resolve));
  expect(await teachToDrain(base, { pid }, "/nonexistent", 1_000)).toContain("Cannot find module");
  const isOpen = () => fetch("http://127.0.0.1:9229/json/list").then(Boolean, () => false);
  // Another test may have it open for a moment.
  await expect.poll(isOpen).toBe(false);
  expect((await machine.manager.list()).map((each) => each.pid)).toContain(pid);
});

/** Its shutdown code notes how many requests were under way when it heard of its end. */
const COUNTED = `(request, response) => {
  server.open = (server.open ?? 0) + 1;
  response.setHeader("x-revision", REVISION);
  setTimeout(() => response.end(JSON.stringify({ revision: REVISION }), () => { server.open -= 1; }), 300);
}`;
const TELLS = `process.on("SIGINT", () => {
  require("node:fs").appendFileSync(require("node:path").join(__dirname, "../../told"), server.open + "\\n");
  server.close(() => process.exit());
});`;

async function told(): Promise<string[]> {
  return (await readFile(join(stage.machine.root, "told"), "utf8")).trim().split("\n");
}

it("drain: false leaves it to the app, which hears of its end at once", async () => {
  const { machine } = stage;
  const left = { ...settings(), drainTimeoutMs: 0 };
  const first = await machine.release({ handler: COUNTED, last: TELLS });
  await machine.deploy(first, undefined, left);
  stage.visitors();
  await machine.deploy(await machine.release(), first, left);
  await stage.leave();
  expect((await told()).map(Number).every((open) => open > 0)).toBe(true);
});
