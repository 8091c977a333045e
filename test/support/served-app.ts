import { type Load, startLoad } from "@deployer/core/testing";
import { gitAndNode } from "./apps.ts";
import { freePort } from "./free-port.ts";
import type { Site } from "./site.ts";

/** An app that PM2 serves on a port of this machine. */
export interface ServedApp {
  readonly url: string;
  /** What the app answers. */
  get(path?: string): Promise<{ readonly status: number; readonly text: string }>;
  /** The revision that its health route reports. */
  revision(): Promise<string>;
  /** A constant stream of requests, half of them on new connections. */
  load(): Load;
  /** Writes the config, whose PM2 part waits only as long as a test needs. */
  configure(options?: {
    readonly instances?: number;
    readonly pm2?: object;
    readonly app?: object;
    readonly before?: [string, object][];
  }): Promise<void>;
}

export async function servedApp(site: Site): Promise<ServedApp> {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const get: ServedApp["get"] = async (path = "/") => {
    const response = await fetch(`${url}${path}`, { headers: { connection: "close" } });
    return { status: response.status, text: await response.text() };
  };
  return {
    url,
    get,
    revision: async () => (JSON.parse((await get("/api/health")).text) as { revision: string }).revision,
    load: () =>
      startLoad({
        url: `${url}/api/health`,
        ratePerSecond: 120,
        keepAliveShare: 0.5,
        revisionOf: (body) => (JSON.parse(body) as { revision?: string }).revision,
      }),
    async configure({ instances = 2, pm2 = {}, app = {}, before = [] } = {}) {
      const plugin = {
        apps: { web: { script: "server.cjs", instances, env: { PORT: String(port) } } },
        health: { path: "/api/health", json: "revision" },
        healthTimeoutMs: 10_000,
        gate: { settleMs: 1_000 },
        soakMs: 1_000,
        drainTimeoutMs: 5_000,
        ...pm2,
      };
      await site.configure({
        plugins: [...gitAndNode(site.remote), ...before, ["@deployer/plugin-pm2", plugin]],
        ...app,
      });
    },
  };
}
