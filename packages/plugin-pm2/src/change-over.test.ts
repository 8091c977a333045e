import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { activate } from "./activate.ts";
import { recover } from "./recover.ts";
import { SLOW } from "./testing/app.ts";
import { shareDaemon } from "./testing/machine.ts";
import { Stage, quickSettings as settings, slowIt } from "./testing/stage.ts";

let stage: Stage;

shareDaemon();

beforeEach(async () => {
  stage = await Stage.make();
});

afterEach(() => stage.close());

/** As people have it before the deployer comes: in fork mode, through `current`, without any of its settings. */
async function startedByHand(app: Parameters<Stage["machine"]["release"]>[0] = {}) {
  const { machine } = stage;
  const first = await machine.release(app);
  await machine.point(first);
  await machine.startDaemon();
  await machine.manager.start({
    name: "shop",
    cwd: join(machine.root, "current"),
    script: "server.js",
    exec_mode: "fork",
    env: { FLAG: "by hand" },
  });
  await expect.poll(() => stage.answer().catch(() => undefined)).toBeDefined();
  return first;
}

describe("an app that was started by hand in fork mode", () => {
  it("goes over to cluster mode with a gap of milliseconds, and from then on without one", async () => {
    const { machine } = stage;
    const first = await startedByHand({ handler: SLOW });
    stage.visitors();
    const second = await machine.release();
    const context = await machine.deploy(second, first, settings());
    expect(context.warnings).toEqual([expect.stringMatching(/was refused, this once/)]);
    const over = await stage.leave();
    // What was under way is answered; who came in between was refused, or not let in by the old process any more.
    expect(over.failures).not.toHaveProperty("ECONNRESET (kept)");
    expect(over.failed).toBeLessThan(over.sent * 0.05);
    expect(await stage.workers()).toEqual(Array(2).fill({ name: "shop", status: "online", cwd: second.path }));
    expect((await machine.manager.list()).map(({ mode }) => mode)).toEqual(["cluster", "cluster"]);
    expect(await stage.unlisted()).toEqual([]);

    stage.visitors();
    const third = await machine.release();
    await machine.deploy(third, second, settings());
    expect((await stage.leave()).failures).toEqual({});
  });

  it("stays as it is, without a failed request, when the new release is bad", async () => {
    const { machine } = stage;
    const first = await startedByHand();
    stage.visitors();
    const second = await machine.release({
      handler: "(_, response) => { response.statusCode = 500; response.end(); }",
    });
    const activation = activate(await machine.activateContext(second, first), settings({ healthTimeoutMs: 3_000 }));
    await expect(activation).rejects.toMatchObject({ code: "ERR_ACTIVATION_FAILED" });
    await machine.undo();
    expect(await stage.workers()).toEqual([{ name: "shop", status: "online", cwd: first.path }]);
    expect(await stage.answer()).toMatchObject({ revision: first.revision.hash, flag: "by hand" });
    expect(await stage.unlisted()).toEqual([]);
    expect((await stage.leave()).failures).toEqual({});
  });

  slowIt("is back in fork mode after the deployer died when it had just gone over", async () => {
    const { machine } = stage;
    const first = await startedByHand();
    const second = await machine.release({
      first: 'if (process.env.NODE_APP_INSTANCE === "1") setTimeout(() => {}, 60_000), process.exit = () => {};',
    });
    const killed = new AbortController();
    const activation = activate(await machine.activateContext(second, first, killed.signal), settings());
    const died = expect(activation).rejects.toThrow("killed");
    const modes = async () => (await machine.manager.list()).map(({ mode }) => mode).join();
    await expect.poll(modes, { interval: 20 }).toMatch(/^cluster/);
    killed.abort(new Error("killed"));
    await died;
    await machine.point(first);
    await recover(
      machine.recoverContext({ id: machine.run, release: second, previous: undefined }, "undo"),
      settings(),
    );
    expect(await modes()).toBe("fork");
    await expect.poll(() => stage.answer().catch(() => undefined)).toMatchObject({ flag: "by hand" });
    expect(await stage.unlisted()).toEqual([]);
  });
});
