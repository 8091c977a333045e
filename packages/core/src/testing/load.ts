import { Agent, type ClientRequest, type IncomingMessage, request } from "node:http";

export interface LoadOptions {
  /** Of this machine only: other hosts are refused. */
  readonly url: string;
  readonly ratePerSecond: number;
  /** The share of requests on kept connections; the others each open their own. @default 0.5 */
  readonly keepAliveShare?: number;
  /** A later answer counts as failed. @default 8_000 */
  readonly timeoutMs?: number;
  /** Reads from an answer which revision gave it, for the count by revision. */
  readonly revisionOf?: (body: string, headers: Readonly<Record<string, unknown>>) => string | undefined;
}

export interface LoadReport {
  readonly sent: number;
  readonly failed: number;
  /** How many failed in which way: an error's code, "timeout", "backlog", or a status as "500". */
  readonly failures: Readonly<Record<string, number>>;
  readonly longestMs: number;
  readonly byRevision: Readonly<Record<string, number>>;
}

export interface Load {
  /** The figures so far; requests under way are in none but `sent`. */
  now(): LoadReport;
  /** Sends no more, waits for what is under way, and reports. */
  stop(): Promise<LoadReport>;
}

const TICK_MS = 5;
const KEPT_CONNECTIONS = 20;
const BODY_LIMIT = 65_536;
const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;

/**
 * Sends requests at a fixed rate, whatever becomes of them: a server that stalls gets no fewer, as with real visitors.
 * Each reset, refusal, timeout and status from 400 counts as failed; nothing is tried again.
 */
export function startLoad(options: LoadOptions): Load {
  const url = new URL(options.url);
  if (url.protocol !== "http:" || !LOOPBACK.test(url.hostname)) {
    throw new TypeError(`The load generator only asks http servers of this machine, not ${options.url}.`);
  }
  const timeoutMs = options.timeoutMs ?? 8_000;
  const share = options.keepAliveShare ?? 0.5;
  const mostOpen = Math.ceil(options.ratePerSecond * (timeoutMs / 1000) * 1.5);
  const agent = new Agent({ keepAlive: true, maxFreeSockets: KEPT_CONNECTIONS, scheduling: "fifo" });
  const failures: Record<string, number> = {};
  const byRevision: Record<string, number> = {};
  const open = new Set<ClientRequest>();
  const began = performance.now();
  let sent = 0;
  let kept = 0;
  let longestMs = 0;
  let emptied: (() => void) | undefined;

  const fail = (kind: string): void => {
    failures[kind] = (failures[kind] ?? 0) + 1;
  };

  const send = (): void => {
    sent += 1;
    if (open.size >= mostOpen) {
      fail("backlog");
      return;
    }
    const keep = kept < sent * share;
    if (keep) kept += 1;
    const start = performance.now();
    const asked = request(url, { agent: keep ? agent : false });
    let failure: string | undefined;
    const limit = setTimeout(() => {
      failure = "timeout";
      asked.destroy();
    }, timeoutMs);
    asked.on("error", (error: NodeJS.ErrnoException) => {
      failure ??= `${error.code ?? error.message}${asked.reusedSocket ? " (kept)" : ""}`;
    });
    asked.on("response", (response: IncomingMessage) => {
      let body = "";
      response.setEncoding("utf8");
      response.on("data", (text: string) => {
        if (options.revisionOf !== undefined && body.length < BODY_LIMIT) body += text;
      });
      response.on("error", (error: NodeJS.ErrnoException) => {
        failure ??= error.code ?? error.message;
      });
      response.on("end", () => {
        if ((response.statusCode ?? 0) >= 400) failure ??= String(response.statusCode);
        const revision = options.revisionOf?.(body, response.headers);
        if (revision !== undefined) byRevision[revision] = (byRevision[revision] ?? 0) + 1;
      });
    });
    asked.on("close", () => {
      clearTimeout(limit);
      open.delete(asked);
      longestMs = Math.max(longestMs, performance.now() - start);
      if (failure !== undefined) fail(failure);
      if (open.size === 0) emptied?.();
    });
    open.add(asked);
    asked.end();
  };

  const timer = setInterval(() => {
    const due = Math.floor(((performance.now() - began) / 1000) * options.ratePerSecond);
    while (sent < due) send();
  }, TICK_MS);

  const now = (): LoadReport => ({
    sent,
    failed: Object.values(failures).reduce((sum, count) => sum + count, 0),
    failures: { ...failures },
    longestMs: Math.round(longestMs),
    byRevision: { ...byRevision },
  });

  return {
    now,
    async stop() {
      clearInterval(timer);
      if (open.size > 0)
        await new Promise<void>((resolve) => {
          emptied = resolve;
        });
      agent.destroy();
      return now();
    },
  };
}
