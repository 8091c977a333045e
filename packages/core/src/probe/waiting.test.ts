import { describe, expect, it } from "vitest";
import { manualClock } from "../testing/manual-clock.ts";
import type { Probe, ProbeAnswer } from "./health-check.ts";
import { stayHealthy } from "./stay-healthy.ts";
import { waitUntilHealthy } from "./wait-until-healthy.ts";

const answer = (status: number): ProbeAnswer => ({
  healthy: status < 400,
  status,
  body: "",
  revision: null,
  error: status < 400 ? null : `it answered ${status}`,
});

/** Gives these answers in turn, and the last one for ever. */
const answering = (...statuses: number[]): Probe => {
  let asked = 0;
  return async () => answer(statuses[Math.min(asked++, statuses.length - 1)] as number);
};

describe("waiting until healthy", () => {
  it("gives up after the timeout and reports the last answer", async () => {
    const clock = manualClock();
    const waiting = waitUntilHealthy({ clock, probe: answering(500, 503), timeoutMs: 30_000 });
    await Promise.all([
      expect(waiting).rejects.toMatchObject({ code: "ERR_UNHEALTHY", details: { lastStatus: 503 } }),
      clock.until(waiting.catch(() => {})),
    ]);
    expect(clock.elapsed()).toBe(30_000);
  });

  it("returns with the first healthy answer", async () => {
    const clock = manualClock();
    const waiting = waitUntilHealthy({ clock, probe: answering(503, 503, 200), timeoutMs: 30_000 });
    expect(await clock.until(waiting)).toMatchObject({ status: 200 });
    expect(clock.elapsed()).toBe(200);
  });

  it("ends with the reason when it is interrupted", async () => {
    const clock = manualClock();
    const interrupted = new AbortController();
    const waiting = waitUntilHealthy({ clock, probe: answering(503), timeoutMs: 30_000, signal: interrupted.signal });
    interrupted.abort(new Error("stop"));
    await expect(waiting).rejects.toThrow("stop");
  });
});

describe("staying healthy", () => {
  const staying = (probe: Probe) => {
    const clock = manualClock();
    const wait = (ms: number) => clock.sleep(ms);
    return { clock, done: stayHealthy({ clock, wait, probe, forMs: 5_000 }) };
  };

  it("asks until the time is over, and once at its end", async () => {
    let asked = 0;
    const { clock, done } = staying(async () => {
      asked += 1;
      return answer(200);
    });
    await clock.until(done);
    expect(clock.elapsed()).toBe(5_000);
    expect(asked).toBeGreaterThan(10);
  });

  it("accepts no break, not even a single bad answer", async () => {
    const { clock, done } = staying(answering(200, 200, 200, 500, 200));
    await expect(clock.until(done)).rejects.toMatchObject({ code: "ERR_UNHEALTHY", details: { lastStatus: 500 } });
    expect(clock.elapsed()).toBe(1_000);
  });
});
