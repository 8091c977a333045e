import { describe, expect, it } from "vitest";
import { manualClock } from "../testing/manual-clock.ts";
import type { ProbeAnswer } from "./health-check.ts";
import { describeRequests, startProber } from "./prober.ts";

const good: ProbeAnswer = { healthy: true, status: 200, body: "", revision: null, error: null };
const bad: ProbeAnswer = { ...good, healthy: false, status: 502, error: "it answered 502" };

describe("the prober", () => {
  it("asks at its rate and counts what failed, and in which way", async () => {
    const clock = manualClock();
    let asked = 0;
    const prober = startProber({
      clock,
      perSecond: 10,
      probe: async () => {
        asked += 1;
        return asked % 5 === 0 ? bad : good;
      },
    });
    await clock.advance(950);
    expect(await prober.stop()).toEqual({ sent: 10, failed: 2, worstMs: 0, faults: { "it answered 502": 2 } });
    await clock.advance(1_000);
    expect(asked).toBe(10);
  });

  it("keeps its rate while nothing is answered, waits for it at the end, and tells the slowest", async () => {
    const clock = manualClock();
    const prober = startProber({
      clock,
      perSecond: 10,
      probe: async () => {
        await clock.sleep(3_000);
        return good;
      },
    });
    await clock.advance(450);
    const stopping = prober.stop();
    await clock.advance(3_000);
    expect(await stopping).toMatchObject({ sent: 5, failed: 0, worstMs: 3_000 });
  });

  it("is told in one line", () => {
    expect(describeRequests({ sent: 412, failed: 0, worstMs: 31 })).toBe("0 failed of 412, worst 31 ms");
  });
});
