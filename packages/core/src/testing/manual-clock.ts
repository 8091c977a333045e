import type { Clock } from "../ports/clock.ts";

export interface ManualClock extends Clock {
  /** How many sleepers wait for time to pass. */
  readonly sleepers: number;
  /**
   * Lets time pass. Sleepers wake when they are due, in that order; each gets to go on, and to sleep again, before the
   * next is woken. What waits for real input and output in between is not waited for: see `until`.
   */
  advance(ms: number): Promise<void>;
  /** Lets time pass, from one sleeper to the next, until the promise is settled; answers as it does. */
  until<T>(promise: Promise<T>): Promise<T>;
  /** Sets the wall clock, as a person or NTP does. `elapsed` does not follow. */
  setNow(now: number): void;
}

interface Sleeper {
  readonly due: number;
  wake(): void;
}

/** A clock that stands still until a test moves it. */
export function manualClock(start: number = Date.UTC(2026, 10, 20, 18, 45)): ManualClock {
  let elapsed = 0;
  let offset = start;
  let sleepers: Sleeper[] = [];

  const wakeNext = async (limit: number): Promise<boolean> => {
    await turn();
    const next = sleepers.toSorted((a, b) => a.due - b.due)[0];
    if (next === undefined || next.due > limit) return false;
    sleepers = sleepers.filter((other) => other !== next);
    elapsed = Math.max(elapsed, next.due);
    next.wake();
    return true;
  };

  return {
    now: () => offset + elapsed,
    elapsed: () => elapsed,

    sleep(ms, signal) {
      return new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason);
        const abort = (): void => {
          sleepers = sleepers.filter((other) => other !== sleeper);
          reject(signal?.reason);
        };
        const sleeper: Sleeper = {
          due: elapsed + Math.max(0, ms),
          wake() {
            signal?.removeEventListener("abort", abort);
            resolve();
          },
        };
        sleepers.push(sleeper);
        signal?.addEventListener("abort", abort, { once: true });
      });
    },

    get sleepers() {
      return sleepers.length;
    },

    async advance(ms) {
      const end = elapsed + ms;
      while (await wakeNext(end));
      elapsed = end;
      await turn();
    },

    async until(promise) {
      let settled = false;
      const done = (): void => {
        settled = true;
      };
      promise.then(done, done);
      while (!settled) await wakeNext(Number.POSITIVE_INFINITY);
      return promise;
    },

    setNow(now) {
      offset = now - elapsed;
    },
  };
}

/** One turn of the event loop: every microtask, and what was ready, has run. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
