import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Plugin } from "../plugin/plugin.ts";
import { systemClock } from "../ports/system-clock.ts";
import { deployerWith, type TestDeployer } from "../testing/index.ts";

/** Deploys that many commits, one after the other; answers the ids of their releases. */
async function deployed(app: TestDeployer, count: number): Promise<string[]> {
  const ids: string[] = [];
  for (let n = 1; n <= count; n += 1) {
    app.remote.push({ n: String(n) });
    ids.push((await app.deployer.check()).release?.id as string);
  }
  return ids;
}

describe("rollback", () => {
  it("returns to the newest successful release older than the current one", async () => {
    await using app = await deployerWith();
    const [first, second, third] = await deployed(app, 3);
    expect(await app.deployer.rollback()).toMatchObject({
      outcome: "rolled-back",
      exitCode: 0,
      release: { id: second },
      previous: { id: third },
    });
    expect(app.current()).toBe(second);
    expect(await app.deployer.rollback()).toMatchObject({ release: { id: first } });
    expect(await app.deployer.rollback()).toMatchObject({ exitCode: 6, error: { code: "ERR_NO_SUCH_RELEASE" } });
    expect(app.current()).toBe(first);
  });

  it("goes by the order of the releases when the clock was set back a day", async () => {
    let now = Date.UTC(2026, 10, 20, 12);
    const clock = { ...systemClock, now: () => now };
    await using app = await deployerWith({ options: { ports: { clock } } });
    const [first] = await deployed(app, 1);
    now -= 86_400_000;
    const [second] = await deployed(app, 1);
    expect((second as string) < (first as string)).toBe(true);
    expect(await app.deployer.rollback()).toMatchObject({ release: { id: first } });
  });

  it("returns to the release that was named: by id, by its beginning, or by its commit", async () => {
    await using app = await deployerWith();
    const [first, second, third] = (await deployed(app, 3)) as [string, string, string];
    expect(await app.deployer.rollback({ release: first })).toMatchObject({ release: { id: first } });
    expect(await app.deployer.rollback({ release: third.slice(0, -1) })).toMatchObject({ release: { id: third } });
    const hash = second.split("-")[1] as string;
    expect(await app.deployer.rollback({ release: hash })).toMatchObject({ release: { id: second } });
  });

  it.each([
    ["that there is not", "20200101T000000Z-aaaaaaa", 'no successful release "20200101T000000Z-aaaaaaa"'],
    ["that several fit", "2", "fits"],
  ])("refuses a name %s", async (_title, release, message) => {
    await using app = await deployerWith();
    const ids = await deployed(app, 3);
    const result = await app.deployer.rollback({ release });
    expect(result).toMatchObject({ exitCode: 6, error: { code: "ERR_NO_SUCH_RELEASE" }, log: null });
    expect(result.error?.message).toContain(message);
    expect(app.current()).toBe(ids[2]);
  });

  it("refuses the current release", async () => {
    await using app = await deployerWith();
    const [, second] = await deployed(app, 2);
    const { error, exitCode } = await app.deployer.rollback({ release: second });
    expect(exitCode).toBe(6);
    expect(error?.message).toContain("is the current one");
  });

  it("refuses a release whose files are gone", async () => {
    await using app = await deployerWith();
    const [first, second] = (await deployed(app, 2)) as [string, string];
    rmSync(join(app.paths.releases, first), { recursive: true });
    expect(await app.deployer.rollback()).toMatchObject({ exitCode: 6, error: { code: "ERR_NO_SUCH_RELEASE" } });
    expect(app.current()).toBe(second);
  });

  it("refuses when nothing is deployed yet", async () => {
    await using app = await deployerWith();
    expect(await app.deployer.rollback()).toMatchObject({ exitCode: 6, error: { code: "ERR_NO_SUCH_RELEASE" } });
  });

  it("goes through gate and activate, and through no other stage", async () => {
    await using app = await deployerWith();
    await deployed(app, 2);
    const calls: string[] = [];
    const note = (name: string) => async (): Promise<void> => void calls.push(name);
    const noting: Plugin = {
      name: "noting",
      prepare: note("prepare"),
      build: note("build"),
      gate: note("gate"),
      migrate: note("migrate"),
      activate: { order: "post", handler: note("activate") },
      rollback: note("rollback"),
    };
    const again = await app.with({ plugins: [noting] });
    expect(await again.deployer.rollback()).toMatchObject({ outcome: "rolled-back" });
    expect(calls).toEqual(["rollback", "gate", "activate"]);
  });

  it("stops with the reason when a plugin vetoes, and leaves what is served", async () => {
    await using app = await deployerWith();
    const [, second] = await deployed(app, 2);
    const vetoing: Plugin = {
      name: "vetoing",
      rollback: async (ctx) => ctx.veto("The column sku is gone.", "deployer db undo"),
    };
    const again = await app.with({ plugins: [vetoing] });
    expect(await again.deployer.rollback()).toMatchObject({
      exitCode: 6,
      error: { code: "ERR_RELEASE_UNSAFE", message: "The column sku is gone.", hint: "deployer db undo" },
    });
    expect(app.current()).toBe(second);
  });

  it("tells plugins what else could be returned to: older, successful and still on disk, newest first", async () => {
    await using app = await deployerWith();
    const [first, second, third, fourth] = await deployed(app, 5);
    rmSync(join(app.paths.releases, second as string), { recursive: true });
    const telling: Plugin = {
      name: "telling",
      rollback: async (ctx) => ctx.veto(ctx.older.map(({ id }) => id).join(), "look"),
    };
    const again = await app.with({ plugins: [telling] });
    const { error } = await again.deployer.rollback();
    expect(error?.message).toBe([fourth, third, first].join());
  });

  it("points `current` back when the older release does not become healthy, and keeps its files", async () => {
    await using app = await deployerWith();
    const [first, second] = await deployed(app, 2);
    const unhealthy: Plugin = {
      name: "unhealthy",
      activate: {
        order: "post",
        async handler() {
          throw new Error("503");
        },
      },
    };
    const again = await app.with({ plugins: [unhealthy] });
    expect(await again.deployer.rollback()).toMatchObject({ outcome: "failed" });
    expect(app.current()).toBe(second);
    expect(await app.deployer.rollback()).toMatchObject({ outcome: "rolled-back", release: { id: first } });
  });

  it("is refused when the older release no longer leads to what is shared", async () => {
    await using app = await deployerWith({ config: { shared: ["data/"] } });
    const [first, second] = (await deployed(app, 2)) as [string, string];
    rmSync(join(app.paths.releases, first, "data"));
    mkdirSync(join(app.paths.releases, first, "data"));
    expect(await app.deployer.rollback()).toMatchObject({ outcome: "failed", error: { code: "ERR_LINK_CHANGED" } });
    expect(app.current()).toBe(second);
  });

  it("wants a yes for a release that does not see all of today's shared paths", async () => {
    await using app = await deployerWith();
    const [first] = await deployed(app, 1);
    const today = await app.with({ config: { shared: ["uploads/"] } });
    const [second] = await deployed(today, 1);
    const refused = await today.deployer.rollback();
    expect(refused).toMatchObject({ exitCode: 6, error: { code: "ERR_RELEASE_UNSAFE" } });
    expect(refused.error?.details.unseen).toEqual(["uploads"]);
    expect(app.current()).toBe(second);
    expect(await today.deployer.rollback({ yes: true })).toMatchObject({ release: { id: first } });
  });
});

describe("after a rollback", () => {
  it("check does not deploy again what was left, whatever the config; a new commit it does", async () => {
    await using app = await deployerWith();
    await deployed(app, 2);
    await app.deployer.rollback();
    expect(await app.deployer.check()).toMatchObject({ outcome: "held", exitCode: 0 });
    const changed = await app.with({ config: { keepReleases: 9 } });
    const { outcome, decision } = await changed.deployer.check();
    expect(outcome).toBe("held");
    expect(decision?.reason).toContain("rolled back by a person");
    app.remote.push({ cure: "" });
    expect(await app.deployer.check()).toMatchObject({ outcome: "deployed" });
  });

  it("a failed release is no target", async () => {
    await using app = await deployerWith({ config: { keepFailed: 5 } });
    const [first] = await deployed(app, 1);
    const failing = await app.with({
      plugins: [
        {
          name: "failing",
          async build() {
            throw new Error("no");
          },
        },
      ],
    });
    app.remote.push({ bad: "" });
    expect(await failing.deployer.check()).toMatchObject({ outcome: "failed" });
    const [third] = await deployed(app, 1);
    expect(app.current()).toBe(third);
    expect(await app.deployer.rollback()).toMatchObject({ release: { id: first } });
  });
});

it("a shared file that is missing now stops a rollback before it begins", async () => {
  await using app = await deployerWith({ config: { shared: [".env"] } });
  mkdirSync(app.paths.shared);
  writeFileSync(join(app.paths.shared, ".env"), "A=1");
  const [, second] = await deployed(app, 2);
  rmSync(join(app.paths.shared, ".env"));
  expect(await app.deployer.rollback()).toMatchObject({ exitCode: 2, error: { code: "ERR_PREFLIGHT" } });
  expect(app.current()).toBe(second);
});
