import type { Decision } from "../store/run-store.ts";
import type { Revision } from "./release.ts";
import type { Session } from "./session.ts";
import { watchedName } from "./verdict.ts";

/** What a run concludes about a revision, and the name under which that is kept. */
export function decisionOn(
  revision: Revision,
  { verdict, code = null, reason = null }: Pick<Decision, "verdict"> & Partial<Pick<Decision, "code" | "reason">>,
  { run, resolved, ports }: Session,
): { readonly watched: string; readonly decision: Decision } {
  return {
    watched: watchedName(revision),
    decision: { hash: revision.hash, verdict, code, reason, run: run.id, config: resolved.hash, at: ports.clock.now() },
  };
}
