import type { RunResult } from "./result.ts";
import type { StageName } from "./stages.ts";

/** Runs that stand in the store. "command": one of a plugin's commands that changes something. */
export type RecordedKind = "deploy" | "rollback" | "reload" | "command";

export type RunKind = RecordedKind | "check" | "recover";

export type StepOutcome = "ok" | "failed" | "skipped";

/** What listeners hear of a run: terminal, JSON lines, the run's log, the store. `at` is the wall clock in milliseconds. */
export type RunEvent = { readonly at: number; readonly run: string } & (
  | { readonly type: "run:start"; readonly kind: RunKind; readonly app: string }
  | { readonly type: "plan"; readonly plugin: string; readonly text: string }
  | { readonly type: "release"; readonly id: string; readonly revision: string }
  | { readonly type: "stage:start"; readonly stage: StageName }
  | {
      readonly type: "stage:end";
      readonly stage: StageName;
      readonly outcome: StepOutcome;
      readonly milliseconds: number;
    }
  | { readonly type: "step:start"; readonly stage: StageName; readonly step: string }
  | {
      readonly type: "step:end";
      readonly stage: StageName;
      readonly step: string;
      readonly outcome: StepOutcome;
      readonly milliseconds: number;
      /** Chosen waits (settling, soak, drain), timed apart from work. */
      readonly waitedMs: number;
    }
  /** One line of a command's output. Redacted. */
  | { readonly type: "step:output"; readonly stage: StageName; readonly step: string; readonly line: string }
  | { readonly type: "info" | "warning"; readonly text: string; readonly step?: string }
  | { readonly type: "undo:start"; readonly label: string }
  | { readonly type: "undo:end"; readonly label: string; readonly outcome: "ok" | "failed"; readonly message?: string }
  | { readonly type: "run:end"; readonly result: RunResult }
);

/** Hears every event. One that throws is told and ignored: it can never fail a run. */
export interface Reporter {
  onEvent(event: RunEvent): void;
}

/** Has every listener hear an event, whichever of them throws. */
export function tellAll(
  reporters: readonly Reporter[],
  event: RunEvent,
  failed: (reporter: Reporter, error: unknown) => void = () => undefined,
): void {
  for (const reporter of reporters) {
    try {
      reporter.onEvent(event);
    } catch (error) {
      failed(reporter, error);
    }
  }
}
