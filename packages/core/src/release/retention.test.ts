import { describe, expect, it } from "vitest";
import type { ReleaseRecord, ReleaseStatus } from "../store/run-store.ts";
import { expiredReleases } from "./retention.ts";

function release(sequence: number, status: ReleaseStatus = "successful"): ReleaseRecord {
  return {
    id: `r${sequence}`,
    sequence,
    status,
    revision: { hash: "h", ref: "main", remote: "memory" },
    run: null,
    shared: [],
    everCurrent: true,
    createdAt: -sequence, // as after a clock that was set back: it says nothing
    activatedAt: null,
  };
}

function expired(releases: ReleaseRecord[], keep: number, inUse: string[] = []): string[] {
  return expiredReleases(releases, keep, new Set(inUse)).map(({ id }) => id);
}

describe("expired releases", () => {
  it("are the oldest beyond those to keep, by sequence, oldest first", () => {
    expect(expired([release(4), release(1), release(3), release(2)], 2)).toEqual(["r1", "r2"]);
  });

  it("are none while there are no more than to keep", () => {
    expect(expired([release(1), release(2)], 2)).toEqual([]);
    expect(expired([], 1)).toEqual([]);
  });

  it("never include one in use", () => {
    expect(
      expired(
        [1, 2, 3, 4].map((n) => release(n)),
        1,
        ["r1", "r3"],
      ),
    ).toEqual(["r2"]);
  });

  it("count successful releases only: ten failures in a row push no good one out", () => {
    const failures = Array.from({ length: 10 }, (_, n) => release(n + 2, "failed"));
    expect(expired([release(1), ...failures], 1)).toEqual([]);
  });
});
