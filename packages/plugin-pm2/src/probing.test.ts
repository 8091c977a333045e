import { createServer, type Server } from "node:http";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { definitionsOf } from "./definition.ts";
import { type Pm2Options, settingsOf } from "./options.ts";
import { probed, publicDoors } from "./probing.ts";
import { Machine } from "./testing/machine.ts";

const places = { directory: "/srv/shop/releases/r2", current: "/srv/shop/current", depth: 0 };
const doorsOf = (app: object, options: Partial<Pm2Options> = {}, url?: string) =>
  publicDoors(
    definitionsOf([{ name: "shop", script: "a.js", ...app }], { health: "/health", ...options }, places).apps,
    url === undefined ? {} : { url },
  );

describe("the public door", () => {
  it("is the port in the arguments, else in PORT, with the path of the health check", () => {
    for (const args of ["start -p 3000", "start --port=3000", "start --port 3000", "-p3000"])
      expect(doorsOf({ args, env: { PORT: 1 } })).toMatchObject([
        { app: "shop", port: 3000, check: { path: "/health" } },
      ]);
    expect(doorsOf({ env: { PORT: 3000 } })).toMatchObject([{ port: 3000 }]);
  });

  it("is not known without a port, or without a health check over HTTP", () => {
    expect(doorsOf({})).toEqual([]);
    expect(doorsOf({ env: { PORT: 3000 } }, { health: { tcp: 3000 } })).toEqual([]);
  });

  it("may be named", () => {
    const url = "http://[::1]:8080/up?deep=1";
    expect(doorsOf({}, {}, url)).toEqual([{ app: url, host: "::1", port: 8080, check: { path: "/up?deep=1" } }]);
  });
});

describe("counting requests", () => {
  let machine: Machine;
  let server: Server;
  let status: number;

  beforeEach(async () => {
    machine = await Machine.make();
    status = 200;
    server = createServer((_, response) => {
      response.statusCode = status;
      response.end();
    });
    await new Promise<void>((resolve) => server.listen(machine.port, "127.0.0.1", resolve));
  });

  afterEach(async () => {
    server.close();
    server.closeAllConnections();
    await machine.close();
  });

  const settings = (probe: Pm2Options["probe"]) =>
    settingsOf({
      apps: { shop: { script: "server.js", env: { PORT: machine.port }, health: "/" } },
      probe: probe ?? false,
    });
  const asked = (count: number) => () =>
    new Promise<void>((resolve) => {
      let left = count;
      server.on("request", () => {
        left -= 1;
        if (left === 0) resolve();
      });
    });

  it("tells what failed while the release took over", async () => {
    const context = await machine.activateContext(await machine.release());
    const { infos } = context as unknown as { infos: string[] };
    await probed(context, settings({ perSecond: 100 }), async () => {
      await asked(10)();
      status = 502;
      await asked(1)();
    });
    const [figures] = machine.measured;
    expect(machine.measured).toHaveLength(1);
    expect(figures?.sent).toBeGreaterThanOrEqual(11);
    expect(figures?.failed).toBeGreaterThanOrEqual(1);
    expect(infos.join("\n")).toMatch(/shop: \d+ failed of \d+, worst \d+ ms\nshop: \d+ requests: it answered 502/);
  });

  it("goes on while what failed is undone, and never hides why", async () => {
    const context = await machine.activateContext(await machine.release());
    const failing = probed(context, settings(true), () => {
      context.undo("bring back", asked(3));
      throw new Error("no good");
    });
    await expect(failing).rejects.toThrow("no good");
    expect(machine.measured).toEqual([]);
    await machine.undo();
    expect(machine.measured).toMatchObject([{ failed: 0 }]);
    expect(machine.measured[0]?.sent).toBeGreaterThanOrEqual(3);
  });

  it("is left out where nothing answers yet, where no port is known, and where nobody asked for it", async () => {
    const context = await machine.activateContext(await machine.release());
    await probed(context, settings(undefined), async () => {});
    status = 500;
    await probed(context, settings(true), async () => {});
    const unknown = { apps: { shop: { script: "server.js", health: "/" } }, probe: true };
    await probed(context, settingsOf(unknown), async () => {});
    expect(machine.measured).toEqual([]);
    expect((context as unknown as { warnings: string[] }).warnings).toEqual([
      expect.stringContaining("probe: { url }"),
    ]);
  });
});
