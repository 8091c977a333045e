import { copyFile, mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { ReleaseInfo } from "@deployer/core";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { activate } from "./activate.ts";
import type { Pm2Options, Settings } from "./options.ts";
import { recover } from "./recover.ts";
import { shareDaemon } from "./testing/machine.ts";
import { Stage, quickSettings as settings } from "./testing/stage.ts";

let stage: Stage;

shareDaemon();

beforeEach(async () => {
  stage = await Stage.make();
});

afterEach(() => stage.close());

const serving = (release: ReleaseInfo, count: number, name = "shop") =>
  Array.from({ length: count }, () => ({ name, status: "online", cwd: release.path }));

/** Each app says itself whether it has a health check. */
function withoutHealth(options: Partial<Omit<Pm2Options, "probe">>): Settings {
  const { health: _, ...rest } = settings();
  return { ...rest, ...options };
}

/** A release whose script lies in a folder of its own. */
async function moved(app: Parameters<Stage["machine"]["release"]>[0]): Promise<ReleaseInfo> {
  const release = await stage.machine.release(app);
  await mkdir(join(release.path, "web"));
  await copyFile(join(release.path, "server.js"), join(release.path, "web/main.js"));
  return release;
}

describe("a changed definition takes effect with the deployment", () => {
  it("log files, and back to PM2's own when they are no longer named", async () => {
    const { machine } = stage;
    const last = `console.log("here is " + REVISION);`;
    const said = (file: string): Promise<string> => readFile(file, "utf8").catch(() => "");
    const first = await machine.release({ last });
    await machine.deploy(first, undefined, settings());
    const own = join(machine.home, "logs/shop-out.log");
    await expect.poll(() => said(own)).toContain(first.revision.hash);

    const named = join(machine.root, "logs/shop.log");
    const second = await machine.release({ last, ecosystem: { out_file: named, log_date_format: "[at] YYYY" } });
    await machine.deploy(second, first, settings());
    await expect.poll(() => said(named)).toMatch(new RegExp(`at \\d{4}: here is ${second.revision.hash}`));

    const third = await machine.release({ last });
    await machine.deploy(third, second, settings());
    await expect.poll(() => said(own)).toMatch(new RegExp(`^here is ${third.revision.hash}`, "m"));
    expect(await said(own)).not.toContain(second.revision.hash);
  });

  it("another script, folder and number of workers, up and down, and no request is lost", async () => {
    const { machine } = stage;
    const first = await machine.release({ ecosystem: { instances: 1 } });
    await machine.deploy(first, undefined, settings());
    stage.visitors();

    const second = await moved({ ecosystem: { instances: 3, cwd: "web", script: "main.js" } });
    await machine.deploy(second, first, settings());
    expect(await stage.workers()).toEqual(serving({ ...second, path: join(second.path, "web") }, 3));
    expect((await machine.manager.list()).map(({ script }) => script)).toEqual(
      Array(3).fill(join(machine.root, "current/web/main.js")),
    );

    const third = await machine.release({ ecosystem: { instances: 2 } });
    await machine.deploy(third, second, settings());
    expect(await stage.workers()).toEqual(serving(third, 2));
    expect((await machine.manager.list()).map(({ stored }) => stored.NODE_APP_INSTANCE)).toEqual([0, 1]);
    expect(await stage.unlisted()).toEqual([]);
    expect((await stage.leave()).failures).toEqual({});
  });

  it("an app started inside a release comes to run through current, and no request is lost", async () => {
    const { machine } = stage;
    const first = await machine.release();
    await machine.deploy(first, undefined, settings());
    const [worker] = await machine.manager.list();
    // As `cwd: __dirname` makes it.
    const inside = { pm_cwd: first.path, cwd: first.path, pm_exec_path: join(first.path, "server.js") };
    for (const { id } of await machine.manager.list()) {
      const env = Object.fromEntries(Object.entries(worker!.stored.env).map(([key, value]) => [key, String(value)]));
      await machine.manager.reload({ ...worker!, id }, { fields: inside, env });
    }
    expect((await machine.manager.list()).map(({ cwd }) => cwd)).toEqual([first.path, first.path]);
    stage.visitors();
    const second = await machine.release();
    await machine.deploy(second, first, settings());
    expect(await stage.workers()).toEqual(serving(second, 2));
    expect((await machine.manager.list()).map(({ cwd }) => cwd)).toEqual(Array(2).fill(join(machine.root, "current")));
    expect((await stage.leave()).failures).toEqual({});
  });

  it("new apps start beside the others, gone ones end when all is accepted, foreign ones stay", async () => {
    const { machine } = stage;
    const shop = { name: "shop", script: "server.js", exec_mode: "cluster", instances: 1 };
    const mailer = { name: "mailer", script: "mailer.js" };
    const many = withoutHealth({ apps: { shop: { health: "/health" } } });
    const first = await machine.release({
      apps: [shop, mailer],
      files: { "mailer.js": "setInterval(() => {}, 1000);" },
    });
    await machine.deploy(first, undefined, many);
    expect((await stage.workers()).map(({ name }) => name).sort()).toEqual(["mailer", "shop"]);
    await machine.manager.prepare({
      ...(await machine.manager.list()).find(({ name }) => name === "mailer")!.stored,
      name: "by-hand",
      pm_id: undefined,
      instances: undefined,
    });
    stage.visitors();
    const queue = { name: "queue", script: "mailer.js" };
    const second = await machine.release({
      apps: [shop, queue],
      files: { "mailer.js": "setInterval(() => {}, 1000);" },
    });
    const context = await machine.deploy(second, first, many);
    expect((await stage.workers()).map(({ name, cwd }) => `${name} ${cwd === second.path}`).sort()).toEqual([
      "by-hand false",
      "queue true",
      "shop true",
    ]);
    expect(context.warnings).toEqual([expect.stringContaining("by-hand runs from this root")]);
    expect((await stage.leave()).failures).toEqual({});
  });

  it("is undone whole when the last app is bad, and no request is lost", async () => {
    const { machine } = stage;
    const first = await machine.release({ ecosystem: { instances: 1, args: "--one" } });
    await machine.deploy(first, undefined, settings());
    stage.visitors();
    const second = await moved({
      ecosystem: { instances: 3, cwd: "web", script: "main.js", args: "--two" },
      first: 'if (process.env.NODE_APP_INSTANCE === "2") process.exit(3);',
    });
    const activation = activate(await machine.activateContext(second, first), settings());
    await expect(activation).rejects.toMatchObject({ code: "ERR_ACTIVATION_FAILED" });
    await machine.undo();
    expect(await stage.workers()).toEqual(serving(first, 1));
    expect(await stage.answer()).toMatchObject({ revision: first.revision.hash, args: ["--one"] });
    expect(await stage.unlisted()).toEqual([]);
    expect((await stage.leave()).failures).toEqual({});
  });

  it("is undone without the old code ever meeting the new variables, also with a single worker", async () => {
    const { machine } = stage;
    const listening = { listens: false, last: "server.listen(Number(process.env.PORT));" };
    const first = await machine.release({ ...listening, ecosystem: { instances: 1, env: { PORT: machine.port } } });
    await machine.deploy(first, undefined, settings());
    stage.visitors();
    const second = await machine.release({
      listens: false,
      ecosystem: { instances: 1, env: { PORT: machine.port + 1 } },
    });
    const activation = activate(await machine.activateContext(second, first), settings({ healthTimeoutMs: 2_000 }));
    await expect(activation).rejects.toMatchObject({ code: "ERR_ACTIVATION_FAILED" });
    await machine.undo();
    expect(await stage.workers()).toEqual(serving(first, 1));
    expect((await machine.manager.list()).map(({ stored }) => stored.PORT)).toEqual([String(machine.port)]);
    expect((await stage.leave()).failures).toEqual({});
  });

  it("is settled when the deployer died in the middle, and no request is lost", async () => {
    const { machine } = stage;
    const first = await machine.release({ ecosystem: { instances: 1 } });
    await machine.deploy(first, undefined, settings());
    stage.visitors();
    const second = await moved({
      ecosystem: { instances: 3, cwd: "web", script: "main.js" },
    });
    const killed = new AbortController();
    const activation = activate(await machine.activateContext(second, first, killed.signal), settings());
    const died = expect(activation).rejects.toThrow("killed");
    await expect.poll(async () => (await machine.manager.list()).length).toBe(2);
    killed.abort(new Error("killed"));
    await died;
    await machine.point(first);
    await recover(machine.recoverContext({ id: machine.run, release: second, previous: first }, "undo"), settings());
    expect(await stage.workers()).toEqual(serving(first, 1));
    expect(await stage.unlisted()).toEqual([]);
    expect((await stage.leave()).failures).toEqual({});
  });
});
