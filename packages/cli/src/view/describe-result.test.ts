import { DeployError, errorResult, type RunResult } from "@deployer/core";
import { describe, expect, it, vi } from "vitest";
import { describeResult } from "./describe-result.ts";

const RELEASE = { id: "20261120T184500Z-3f2a1bc", revision: "3f2a1bc9d8e7f6a5b4c3d2e1f0a9b8c7d6e5f4a3" };
const OLDER = { id: "20261119T184500Z-0a1b2c3", revision: "0a1b2c3d8e7f6a5b4c3d2e1f0a9b8c7d6e5f4a3f" };
const FAILED = errorResult(
  new DeployError({ code: "ERR_BUILD_FAILED", exitCode: 4, message: "The build failed.", hint: "Mend it." }),
  "shop",
);

function text(over: Partial<RunResult>, base: RunResult = FAILED): string[] {
  return describeResult({ ...base, ...over }).split("\n");
}

const GOOD = { error: null, exitCode: 0, release: RELEASE } as const;

describe("a result as a person reads it", () => {
  it.each([
    ["deployed", "Deployed 20261120T184500Z-3f2a1bc (3f2a1bc) in 4.6 s."],
    ["rolled-back", "Rolled back to 20261120T184500Z-3f2a1bc (3f2a1bc) in 4.6 s."],
    ["up-to-date", "Up to date: 20261120T184500Z-3f2a1bc (3f2a1bc) is current."],
    ["backing-off", "Waiting to try again: nothing is done. 20261120T184500Z-3f2a1bc (3f2a1bc) is current."],
    ["held", "Held: nothing is done. 20261120T184500Z-3f2a1bc (3f2a1bc) is current."],
  ] as const)("says of %s: %s", (outcome, line) => {
    const stages = [500, 4100].map((milliseconds) => ({ name: "build", milliseconds, outcome: "ok" }) as const);
    expect(text({ ...GOOD, outcome, stages })).toEqual([line]);
  });

  it("of a failure has code, reason and what to do, and what is served now", () => {
    expect(text({ served: OLDER.id, log: "/srv/shop/.deployer/logs/x.log" })).toEqual([
      "ERR_BUILD_FAILED: The build failed.",
      "Mend it.",
      "20261119T184500Z-0a1b2c3 is served as before.",
      "Log: /srv/shop/.deployer/logs/x.log",
    ]);
    expect(text({ served: null }).at(-1)).toBe("Nothing was deployed before, and nothing is now.");
  });

  it("of a failure before anything was looked at, or after which something is half done, claims nothing of what is served", () => {
    expect(text({})).toEqual(["ERR_BUILD_FAILED: The build failed.", "Mend it."]);
    expect(text({ served: OLDER.id, exitCode: 5 })).toEqual(text({}));
  });

  it("of a failure that could not be undone claims nothing about what is served", () => {
    const undoFailures = [{ label: "reload the previous release", message: "the daemon is gone" }];
    const lines = text({ served: OLDER.id, undoFailures, exitCode: 5 });
    expect(lines).toContain("  reload the previous release: the daemon is gone");
    expect(lines.join()).not.toContain("is served as before");
  });

  it("names committed migrations, and says that they stay when the run failed", () => {
    const migrated = { core: ["0001", "0002"] };
    expect(text({ ...GOOD, outcome: "deployed", migrated })).toContain("Migrated core: 0001, 0002.");
    expect(text({ migrated })).toContain("These migrations are committed and stay.");
  });

  it("tells first what was settled of an earlier run", () => {
    expect(text({ ...GOOD, outcome: "deployed", recovered: { run: "run-1", outcome: "undone" } })[0]).toBe(
      "An earlier run (run-1) had died; it is undone.",
    );
  });

  it("of a config that is not known says nothing about releases", () => {
    expect(text({ app: null })).toEqual(["ERR_BUILD_FAILED: The build failed.", "Mend it."]);
  });

  it("says whether a revision is held or tried again, and when", () => {
    vi.stubEnv("TZ", "Europe/Berlin");
    const decision = {
      revision: RELEASE.revision,
      verdict: "held",
      reason: "It is bad. (run x)",
      retryAt: null,
    } as const;
    expect(text({ ...GOOD, outcome: "held", decision })[1]).toBe(
      "3f2a1bc is held: It is bad. (run x). Push a new commit, or run `deployer deploy`.",
    );
    expect(text({ decision })).toContain("3f2a1bc is held. Push a new commit, or run `deployer deploy`.");
    const later = { ...decision, verdict: "again", retryAt: Date.UTC(2026, 10, 25, 16) } as const;
    expect(text({ decision: later })).toContain(
      "3f2a1bc is tried again at 2026-11-25 17:00:00 +01:00. To try it now, run `deployer deploy`.",
    );
    expect(text({ decision: { ...later, retryAt: null } })).toContain("The next check tries again.");
    vi.unstubAllEnvs();
  });

  it("names what is over, without a duration when the clock was set back", () => {
    const outage = { code: "ERR_AWAY", message: "Away:\n  no route.", exitCode: 7, checks: 1, beganAt: 0, lastAt: 0 };
    expect(text({ over: [{ ...outage, endedAt: 3 * 3_600_000, checks: 180 }] })[0]).toBe(
      "ERR_AWAY is over after 3 h, 180 checks: Away: no route.",
    );
    expect(text({ over: [{ ...outage, endedAt: -1 }] })[0]).toBe("ERR_AWAY is over after 1 check: Away: no route.");
  });
});
