import { connect } from "node:net";
import type { Probe, ProbeAnswer } from "./health-check.ts";
import type { ProbeTarget } from "./http-probe.ts";

const TIMEOUT_MS = 5_000;

/** A probe that connects and hangs up again. It never throws. */
export function tcpProbe(options: ProbeTarget & { readonly timeoutMs?: number }): Probe {
  return (signal) =>
    new Promise<ProbeAnswer>((resolve) => {
      const timeoutMs = options.timeoutMs ?? TIMEOUT_MS;
      const target =
        "socketPath" in options
          ? { path: options.socketPath }
          : { host: options.host ?? "127.0.0.1", port: options.port };
      const socket = connect(target);
      const done = (error: string | null): void => {
        clearTimeout(limit);
        signal?.removeEventListener("abort", stop);
        socket.destroy();
        resolve({ healthy: error === null, status: null, body: "", revision: null, error });
      };
      const stop = (): void => done("the wait was ended");
      const limit = setTimeout(() => done(`no connection within ${timeoutMs} ms`), timeoutMs);
      signal?.addEventListener("abort", stop);
      socket.on("connect", () => done(null));
      socket.on("error", (error) => done(error.message || String(error)));
      if (signal?.aborted) stop();
    });
}
