import type { Clock } from "../ports/clock.ts";
import type { Probe } from "./health-check.ts";
import { unhealthy } from "./wait-until-healthy.ts";

const INTERVAL_MS = 250;

/**
 * Asks for `forMs` and accepts no break: the first answer that is not healthy rejects with ERR_UNHEALTHY.
 * `wait` is the context's, so that the settling is timed apart from work.
 */
export async function stayHealthy(options: {
  readonly clock: Clock;
  readonly wait: (ms: number) => Promise<void>;
  readonly probe: Probe;
  readonly forMs: number;
  readonly intervalMs?: number;
  readonly signal?: AbortSignal;
}): Promise<void> {
  const { clock, wait, probe, forMs, signal } = options;
  const began = clock.elapsed();
  for (;;) {
    const left = forMs - (clock.elapsed() - began);
    if (left > 0) await wait(Math.min(options.intervalMs ?? INTERVAL_MS, left));
    signal?.throwIfAborted();
    const answer = await probe(signal);
    signal?.throwIfAborted();
    if (!answer.healthy) {
      const after = Math.round(clock.elapsed() - began);
      throw unhealthy(`The app was healthy, but not for long: after ${after} ms of ${forMs} ms`, answer);
    }
    if (left <= 0) return;
  }
}
