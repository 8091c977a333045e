import { describe, expect, it } from "vitest";
import { lockBudget } from "./lock-budget.ts";

const took = (...ms: number[]): { predictedMs: Map<string, number> } => ({
  predictedMs: new Map(ms.map((value, index) => [`db${index}`, value])),
});

describe("the budget of a lock", () => {
  it("stops what took more than half of maxLockMs on copies, all databases together", () => {
    expect(() => lockBudget({}).refuseTooLong(took(300, 201))).toThrow(
      expect.objectContaining({
        code: "ERR_LOCK_TOO_LONG",
        exitCode: 4,
        hint: expect.stringMatching(/maxLockMs` to 1002 .*busy_timeout is at least 4008.*maintenance: true/),
      }),
    );
    expect(() => lockBudget({}).refuseTooLong(took(300, 200))).not.toThrow();
    expect(() => lockBudget({ maxLockMs: 1_002 }).refuseTooLong(took(300, 201))).not.toThrow();
  });

  it("lets anything pass in maintenance, with a limit that a stuck statement still meets", () => {
    const budget = lockBudget({ maintenance: true });
    budget.refuseTooLong(took(30_000));
    expect([budget.limitMs(took(30_000)), budget.limitMs(took(1))]).toEqual([300_000, 60_000]);
    expect(lockBudget({}).limitMs(took(10))).toBe(2_000);
  });
});
