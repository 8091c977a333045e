import { type Load, type LoadReport, startLoad } from "@deployer/core/testing";

/** Of the requests each second, so many last one second: some are always in flight when a worker goes. */
const SLOW_PER_SECOND = 10;
const QUICK_PER_SECOND = 200;
const LATEST_MS = 8_000;

export interface Visits {
  readonly requests: number;
  readonly failed: number;
  /** How many failed in which way. */
  readonly failures: Readonly<Record<string, number>>;
  readonly longestMs: number;
}

/** Visitors who come at a fixed rate whatever becomes of them, half of them on kept connections. */
export class Visitors {
  readonly #loads: readonly Load[];

  private constructor(loads: readonly Load[]) {
    this.#loads = loads;
  }

  static start(url: string): Visitors {
    const load = (path: string, ratePerSecond: number): Load =>
      startLoad({ url: `${url}${path}`, ratePerSecond, keepAliveShare: 0.5, timeoutMs: LATEST_MS });
    return new Visitors([load("/api/health", QUICK_PER_SECOND), load("/slow", SLOW_PER_SECOND)]);
  }

  /** Until this many requests were sent. */
  async until(requests: number): Promise<void> {
    while (this.#loads.reduce((sum, load) => sum + load.now().sent, 0) < requests) {
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  async stop(): Promise<Visits> {
    return sumOf((await Promise.all(this.#loads.map((load) => load.stop()))).map(visitsOf));
  }
}

function sumOf(parts: readonly Visits[]): Visits {
  const failures: Record<string, number> = {};
  for (const part of parts) {
    for (const [kind, count] of Object.entries(part.failures)) failures[kind] = (failures[kind] ?? 0) + count;
  }
  return {
    requests: parts.reduce((sum, part) => sum + part.requests, 0),
    failed: parts.reduce((sum, part) => sum + part.failed, 0),
    failures,
    longestMs: Math.max(0, ...parts.map((part) => part.longestMs)),
  };
}

function visitsOf({ sent, failed, failures, longestMs }: LoadReport): Visits {
  return { requests: sent, failed, failures, longestMs };
}
