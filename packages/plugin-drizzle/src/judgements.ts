import type { PluginState } from "@deployer/core";
import type { AppliedMigration } from "./applied.ts";
import type { Verdict } from "./compatibility-rules.ts";

/** What was found out of a migration just before it was committed. */
export interface JudgedMigration extends AppliedMigration {
  readonly tag: string;
  readonly verdict: Verdict | "unjudged";
}

/** Keeps verdicts by the database's file; that of a migration which is judged again replaces the older one. */
export function rememberJudged(state: PluginState, file: string, judged: readonly JudgedMigration[]): void {
  if (judged.length === 0) return;
  const others = recall(state, file).filter((old) => !judged.some((it) => isSame(it, old)));
  state.set(key(file), { version: 1, judged: [...others, ...judged] });
}

/** Whether a release that does not know this migration can be served beside it. */
export function isSafeBeside(state: PluginState, file: string, row: AppliedMigration): boolean {
  const verdict = recall(state, file).find((it) => isSame(it, row))?.verdict;
  return verdict === "safe" || verdict === "warn";
}

function isSame(one: AppliedMigration, other: AppliedMigration): boolean {
  return one.hash === other.hash && one.when === other.when;
}

function recall(state: PluginState, file: string): readonly JudgedMigration[] {
  return state.get<{ judged: readonly JudgedMigration[] }>(key(file))?.judged ?? [];
}

function key(file: string): string {
  return `judged:${file}`;
}
