import type { Stored, Worker } from "../worker.ts";

/** A worker as PM2 lists one that is well. */
export function aWorker(over: Partial<Worker> & { readonly stored?: Stored } = {}): Worker {
  return {
    id: 0,
    name: "shop",
    pid: 100,
    status: "online",
    restarts: 3,
    cwd: "/srv/shop/current",
    script: "/srv/shop/current/server.js",
    mode: "cluster",
    stored: { env: {} },
    ...over,
  };
}
