import { describe, expect, it } from "vitest";
import type { Decision, Verdict } from "../store/run-store.ts";
import { judge } from "./verdict.ts";

const REVISION = { hash: "new", ref: "main", remote: "memory" };

function decision(verdict: Verdict, hash: string, config: string | null = "config 1"): Decision {
  return { verdict, hash, config, code: null, reason: null, run: null, at: 0 };
}

describe("what check does about a revision", () => {
  it("deploys one when nothing was ever decided", () => {
    expect(judge(undefined, REVISION, "config 1")).toEqual({ kind: "go" });
  });

  it.each(["deployed", "held", "again", "rolled-back", "passed-over"] as const)(
    "deploys one that differs from the last that was %s",
    (verdict) => {
      expect(judge(decision(verdict, "old"), REVISION, "config 1")).toEqual({ kind: "go" });
    },
  );

  it.each([
    ["deployed", "config 1", "up-to-date"],
    ["deployed", "config 2", "up-to-date"],
    ["passed-over", "config 1", "up-to-date"],
    ["passed-over", "config 2", "up-to-date"],
    ["held", "config 1", "held"],
    ["held", "config 2", "go"],
    ["again", "config 1", "again"],
    ["again", "config 2", "go"],
    ["rolled-back", "config 1", "held"],
    ["rolled-back", "config 2", "held"],
  ] as const)("of the same one that was %s, under %s today: %s", (verdict, config, kind) => {
    expect(judge(decision(verdict, "new"), REVISION, config)).toMatchObject({ kind });
  });
});
