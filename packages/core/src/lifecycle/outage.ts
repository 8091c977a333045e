import type { CheckRecords, Outage, OutageRecord } from "../store/check-records.ts";
import type { RunStore } from "../store/run-store.ts";
import type { ErrorSummary, RunResult } from "./result.ts";

const HOUR = 60 * 60_000;
const DAY = 24 * HOUR;

/**
 * Records how a check ended, and adds what is known of it: an outage that goes on, those that are over. `quiet`: only
 * what is news will be told. What was decided on stands with the runs and is no outage.
 */
export function noteCheck(store: RunStore, result: RunResult, at: number, quiet: boolean): RunResult {
  if (result.outcome === "locked") return result;
  try {
    return note(store.checks, triedByNextCheck(result), at, quiet);
  } catch {
    return triedByNextCheck(result); // a full disk, say: it is told each time
  }
}

/** A check that failed before it could decide anything: the next one tries again. */
export function triedByNextCheck(result: RunResult): RunResult {
  if (!isUndecided(result) || result.outcome === "locked") return result;
  return { ...result, decision: { revision: null, verdict: "again", reason: null, retryAt: null } };
}

/** Told when it begins, again after an hour, then each day; and when the clock was set back, for nobody knows how far. */
export function isDue({ tellings, toldAt }: Pick<OutageRecord, "tellings" | "toldAt">, now: number): boolean {
  if (tellings === 0 || now < toldAt) return true;
  return now - toldAt >= (tellings === 1 ? HOUR : DAY);
}

/** What a failure is known by again: numbers, ids and what a server said in passing change from check to check. */
export function gistOf({ message, details }: Pick<ErrorSummary, "message" | "details">): string {
  const { problems } = details;
  const text = Array.isArray(problems) ? JSON.stringify(problems) : (message.split("\n")[0] ?? "");
  return text.replace(/[\w.:-]*\d[\w.:-]*/g, "#");
}

function note(checks: CheckRecords, result: RunResult, at: number, quiet: boolean): RunResult {
  const { error, exitCode, outcome } = result;
  return checks.together(() => {
    checks.setLast({ at, outcome, exitCode, code: error?.code ?? null, message: error?.message ?? null });
    if (error !== null && isUndecided(result)) {
      const outage = checks.fail({ ...error, gist: gistOf(error), exitCode }, at);
      const isNews = !quiet || isDue(outage, at);
      if (quiet && isNews) checks.markTold(outage.sequence, at);
      return { ...result, outage: { ...outageSummary(outage), isNews } };
    }
    if (outcome === "interrupted") return result;
    const ended = checks.endAll(at);
    return { ...result, over: (quiet ? checks.takeUntoldEnds() : ended).map(outageSummary) };
  });
}

function isUndecided({ exitCode, outcome, decision }: RunResult): boolean {
  const isDecided = decision !== null && (decision.verdict !== "again" || decision.retryAt !== null);
  return exitCode !== 0 && outcome !== "interrupted" && !isDecided;
}

/** What of an outage is told. */
export function outageSummary({ code, message, exitCode, checks, beganAt, lastAt, endedAt }: OutageRecord): Outage {
  return { code, message, exitCode, checks, beganAt, lastAt, endedAt };
}
