import type { Outcome, RunResult } from "@deployer/core";
import { expect } from "vitest";
import type { Answer } from "./site.ts";

/** Exit code and JSON tell the same story, and it is this one. Answers the JSON. */
export function expectOutcome(answer: Answer, outcome: Outcome): RunResult {
  expect(storyOf(answer), answer.json.error?.message).toBe(`${outcome}, exit 0`);
  expect(answer.json.error).toBeNull();
  return answer.json;
}

/** The same for an error: with this code, this exit code, a message and a hint. */
export function expectError(answer: Answer, code: string, exitCode: number): RunResult {
  const outcomes: Record<number, Outcome> = { 3: "locked", 7: "unreachable", 130: "interrupted" };
  const told = `${outcomes[exitCode] ?? "failed"}, exit ${exitCode}, ${code}`;
  expect(storyOf(answer), answer.json.error?.message).toBe(told);
  expect(answer.json.error?.message).toMatch(/\S/);
  expect(answer.json.error?.hint).toMatch(/\S/);
  return answer.json;
}

function storyOf({ exitCode, json }: Answer): string {
  expect(json.exitCode).toBe(exitCode);
  return [json.outcome, `exit ${exitCode}`, ...(json.error === null ? [] : [json.error.code])].join(", ");
}
