import { describe, expect, it } from "vitest";
import { manualClock } from "../testing/index.ts";
import type { Clock } from "./clock.ts";
import { systemClock } from "./system-clock.ts";

interface Subject {
  readonly name: string;
  /** A clock, and how to let time pass on it. */
  make(): { readonly clock: Clock; pass(ms: number): Promise<unknown> };
}

const SUBJECTS: Subject[] = [
  { name: "system clock", make: () => ({ clock: systemClock, pass: (ms) => systemClock.sleep(ms) }) },
  {
    name: "manual clock",
    make: () => {
      const clock = manualClock();
      return { clock, pass: (ms) => clock.advance(ms) };
    },
  },
];

describe.each(SUBJECTS)("the contract of a clock: $name", ({ make }) => {
  it("wakes a sleeper when its time has come, not before", async () => {
    const { clock, pass } = make();
    const began = clock.elapsed();
    let woke = false;
    const sleeping = clock.sleep(40).then(() => {
      woke = true;
    });
    await pass(10);
    expect(woke).toBe(false);
    await Promise.all([sleeping, pass(40)]);
    expect(woke).toBe(true);
    // Timers are rounded to whole milliseconds.
    expect(clock.elapsed() - began).toBeGreaterThanOrEqual(39);
  });

  it("wakes sleepers in the order in which they are due", async () => {
    const { clock, pass } = make();
    const woke: number[] = [];
    const all = [30, 5, 15].map((ms) => clock.sleep(ms).then(() => woke.push(ms)));
    await Promise.all([...all, pass(35)]);
    expect(woke).toEqual([5, 15, 30]);
  });

  it("rejects with the signal's reason when the sleep is aborted", async () => {
    const { clock, pass } = make();
    const abort = new AbortController();
    const reason = new Error("interrupted by SIGINT");
    const sleeping = clock.sleep(60_000, abort.signal);
    abort.abort(reason);
    await Promise.all([expect(sleeping).rejects.toBe(reason), pass(1)]);
  });

  it("rejects at once when the signal is aborted already", async () => {
    const { clock } = make();
    const reason = new Error("too late");
    await expect(clock.sleep(60_000, AbortSignal.abort(reason))).rejects.toBe(reason);
  });

  it("is not disturbed by a signal that is aborted after the sleep", async () => {
    const { clock, pass } = make();
    const abort = new AbortController();
    const sleeping = clock.sleep(5, abort.signal);
    await Promise.all([sleeping, pass(6)]);
    abort.abort(new Error("late"));
    await expect(sleeping).resolves.toBeUndefined();
  });

  it("counts the wall clock in milliseconds since 1970", () => {
    expect(new Date(make().clock.now()).getUTCFullYear()).toBeGreaterThan(2024);
  });
});

describe("the manual clock", () => {
  it("lets a sleeper go on and sleep again within one advance", async () => {
    const clock = manualClock();
    const ticks: number[] = [];
    const ticking = (async () => {
      for (let n = 0; n < 3; n += 1) {
        await clock.sleep(10);
        ticks.push(clock.elapsed());
      }
    })();
    await clock.advance(30);
    await ticking;
    expect(ticks).toEqual([10, 20, 30]);
  });

  it("moves on by itself until a promise is settled", async () => {
    const clock = manualClock();
    const work = async (): Promise<string> => {
      await clock.sleep(60_000);
      await new Promise((resolve) => setTimeout(resolve, 5)); // real work in between
      await clock.sleep(60_000);
      return "done";
    };
    expect(await clock.until(work())).toBe("done");
    expect(clock.elapsed()).toBe(120_000);
    await expect(clock.until(Promise.reject(new Error("no")))).rejects.toThrow("no");
  });

  it("lets the wall clock jump without moving time", () => {
    const clock = manualClock(1_000_000);
    clock.setNow(5);
    expect([clock.now(), clock.elapsed()]).toEqual([5, 0]);
  });

  it("forgets a sleeper that was aborted", async () => {
    const clock = manualClock();
    const abort = new AbortController();
    const sleeping = clock.sleep(10, abort.signal).catch(() => undefined);
    expect(clock.sleepers).toBe(1);
    abort.abort();
    await sleeping;
    expect(clock.sleepers).toBe(0);
  });
});
