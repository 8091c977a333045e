import type { Decision } from "../store/run-store.ts";
import type { Revision } from "./release.ts";

/** The name under which decisions about a watched ref are kept. */
export function watchedName(revision: Revision): string {
  return `${revision.remote} ${revision.ref}`;
}

export type CheckVerdict =
  | { readonly kind: "go" }
  | { readonly kind: "up-to-date" }
  /** Failed or rolled back before, and nothing has changed since. */
  | { readonly kind: "held"; readonly decision: Decision };

/**
 * Whether `check` has something to do. It compares with the last hash that was decided on, never with what runs:
 * otherwise a rollback, or a release that failed, would be deployed again by the next minute's check.
 */
export function judge(decision: Decision | undefined, revision: Revision, configHash: string): CheckVerdict {
  if (decision === undefined || decision.hash !== revision.hash) return { kind: "go" };
  if (decision.verdict === "rolled-back") return { kind: "held", decision };
  if (decision.verdict !== "held") return { kind: "up-to-date" };
  // A changed config may be the cure for what failed.
  return decision.config === configHash ? { kind: "held", decision } : { kind: "go" };
}
