import { coreError } from "../errors/catalog.ts";
import type { DeployError } from "../errors/deploy-error.ts";
import type { Clock } from "../ports/clock.ts";
import type { Probe, ProbeAnswer } from "./health-check.ts";

const INTERVAL_MS = 100;

/**
 * Asks again and again until the answer is healthy, and returns it.
 * Past the deadline it rejects with ERR_UNHEALTHY, which holds the last answer.
 */
export async function waitUntilHealthy(options: {
  readonly clock: Clock;
  readonly probe: Probe;
  readonly timeoutMs: number;
  readonly intervalMs?: number;
  readonly signal?: AbortSignal;
}): Promise<ProbeAnswer> {
  const { clock, probe, signal, timeoutMs } = options;
  const deadline = clock.elapsed() + timeoutMs;
  for (;;) {
    const answer = await probe(signal);
    if (answer.healthy) return answer;
    signal?.throwIfAborted();
    const left = deadline - clock.elapsed();
    if (left <= 0) throw unhealthy(`The app was not healthy within ${seconds(timeoutMs)}`, answer);
    await clock.sleep(Math.min(options.intervalMs ?? INTERVAL_MS, left), signal);
  }
}

/** ERR_UNHEALTHY with the last answer. */
export function unhealthy(what: string, answer: ProbeAnswer): DeployError {
  return coreError("ERR_UNHEALTHY", {
    message: `${what}: ${answer.error ?? "no answer"}.`,
    hint: "Look at what the app wrote, and ask the path of the health check yourself: it must answer 200 to 399 when the app can serve.",
    details: { lastStatus: answer.status, lastError: answer.error },
    mayPass: true, // a service that it needs may be down
  });
}

function seconds(ms: number): string {
  return ms % 1000 === 0 ? `${ms / 1000} s` : `${ms} ms`;
}
