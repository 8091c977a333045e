import type { RequestFigures } from "../lifecycle/result.ts";
import type { Clock } from "../ports/clock.ts";
import type { Probe } from "./health-check.ts";

/** Asks at a fixed rate until it is stopped. */
export interface Prober {
  /** Asks no more, waits for what is under way, and reports; again and again the same. */
  stop(): Promise<ProberReport>;
}

export interface ProberReport extends RequestFigures {
  /** How many failed in which way, by what the probe said. */
  readonly faults: Readonly<Record<string, number>>;
}

/**
 * Samples what visitors get while something else goes on. It keeps its rate whatever becomes of the answers: one that
 * stalls is followed by the next all the same. Each answer that is not healthy counts as failed; none is tried again.
 */
export function startProber(options: {
  readonly clock: Clock;
  readonly probe: Probe;
  readonly perSecond: number;
}): Prober {
  const { clock, probe, perSecond } = options;
  const stopped = new AbortController();
  const faults: Record<string, number> = {};
  const underWay = new Set<Promise<void>>();
  let sent = 0;
  let failed = 0;
  let worstMs = 0;

  const ask = async (): Promise<void> => {
    const began = clock.elapsed();
    sent += 1;
    const { healthy, error } = await probe();
    worstMs = Math.max(worstMs, clock.elapsed() - began);
    if (healthy) return;
    failed += 1;
    const fault = error ?? "no answer";
    faults[fault] = (faults[fault] ?? 0) + 1;
  };

  const asking = (async () => {
    const began = clock.elapsed();
    while (!stopped.signal.aborted) {
      const asked = ask();
      underWay.add(asked);
      void asked.then(() => underWay.delete(asked));
      const due = began + (sent * 1000) / perSecond;
      await clock.sleep(Math.max(0, due - clock.elapsed()), stopped.signal).catch(() => {});
    }
  })();

  return {
    async stop() {
      stopped.abort();
      await asking;
      await Promise.all(underWay);
      return { sent, failed, worstMs: Math.round(worstMs), faults: { ...faults } };
    },
  };
}

/** The figures for a person, as "0 failed of 412, worst 31 ms". */
export function describeRequests({ sent, failed, worstMs }: RequestFigures): string {
  return `${failed} failed of ${sent}, worst ${worstMs} ms`;
}
