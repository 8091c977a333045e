import type { RunRecord } from "../store/run-store.ts";

/** For messages about a run that died: "in stage build"; a command has no stages. */
export function whereItDied({ kind, reason, stage }: Pick<RunRecord, "kind" | "reason" | "stage">): string {
  return kind === "command" ? `in \`${reason}\`` : `in stage ${stage ?? "detect"}`;
}
