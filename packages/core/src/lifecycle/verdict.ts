import type { Decision } from "../store/run-store.ts";
import type { Revision } from "./release.ts";
import type { RevisionDecision } from "./result.ts";

/** The name under which decisions about a watched ref are kept. */
export function watchedName(revision: Revision): string {
  return `${revision.remote} ${revision.ref}`;
}

export type CheckVerdict =
  | { readonly kind: "go" }
  | { readonly kind: "up-to-date" }
  /** Failed or rolled back before, and nothing has changed since. */
  | { readonly kind: "held"; readonly decision: Decision }
  /** Failed for something that may pass. */
  | { readonly kind: "again"; readonly decision: Decision };

/** How long after each failure that may pass a revision is tried again; after one more it is held. */
const AGAIN_AFTER_MS = [10 * 60_000, 60 * 60_000];

/** When a revision that failed so often is tried again; `undefined`: it is held. */
export function againAt(failures: number, failedAt: number): number | undefined {
  const wait = AGAIN_AFTER_MS[failures - 1];
  return wait === undefined ? undefined : failedAt + wait;
}

/** A decision that keeps a revision from being deployed, as a result tells it. */
export function standing({ hash, verdict, reason, run }: Decision, retryAt: number | null): RevisionDecision | null {
  if (verdict === "rolled-back")
    return { revision: hash, verdict, reason: "it was rolled back by a person", retryAt: null };
  if (verdict !== "held" && verdict !== "again") return null;
  return { revision: hash, verdict, reason: `${reason ?? "it failed"} (run ${run ?? "unknown"})`, retryAt };
}

/**
 * Whether `check` has something to do. It compares with the last hash that was decided on, never with what runs:
 * otherwise a rollback, or a release that failed, would be deployed again by the next minute's check.
 */
export function judge(decision: Decision | undefined, revision: Revision, configHash: string): CheckVerdict {
  if (decision === undefined || decision.hash !== revision.hash) return { kind: "go" };
  if (decision.verdict === "rolled-back") return { kind: "held", decision };
  if (decision.verdict !== "held" && decision.verdict !== "again") return { kind: "up-to-date" };
  // A changed config may be the cure for what failed.
  return decision.config === configHash ? { kind: decision.verdict, decision } : { kind: "go" };
}
