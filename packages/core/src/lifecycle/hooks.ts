import { AsyncSeriesBailHook, AsyncSeriesHook, AsyncSeriesWaterfallHook } from "tapable";
import type {
  ActivateContext,
  BuildContext,
  CleanupContext,
  DetectContext,
  GateContext,
  LinkContext,
  MigrateContext,
  PrepareContext,
  RollbackContext,
} from "../plugin/contexts.ts";
import type { SharedPath } from "../release/shared-path.ts";
import type { Revision } from "./release.ts";

/** Runs one plugin's share of a stage: with a context of its own, told as a step, never after an interruption. */
export interface StageCall<Context> {
  step<T>(
    plugin: string,
    step: string,
    handler: (context: Context) => Promise<T>,
    /** Looks at the answer before it is used. */
    check?: (answer: T) => T,
  ): Promise<T>;
}

/** One hook for each stage. The kinds are part of the contract. */
export interface Hooks {
  /** Bail: the first plugin that knows where the ref stands decides. */
  readonly detect: AsyncSeriesBailHook<[StageCall<DetectContext>], Revision>;
  /** Series, like all that follow: each plugin finds the work of those before it done. */
  readonly prepare: AsyncSeriesHook<[StageCall<PrepareContext>]>;
  /** Waterfall: each plugin adds to the list of shared paths; core alone makes the links. */
  readonly link: AsyncSeriesWaterfallHook<[readonly SharedPath[], StageCall<LinkContext>]>;
  readonly build: AsyncSeriesHook<[StageCall<BuildContext>]>;
  readonly gate: AsyncSeriesHook<[StageCall<GateContext>]>;
  readonly migrate: AsyncSeriesHook<[StageCall<MigrateContext>]>;
  /** Core's `switch-current` stands in it; handlers come before or after. */
  readonly activate: AsyncSeriesHook<[StageCall<ActivateContext>]>;
  /** Its taps never reject: a failure becomes a warning. */
  readonly cleanup: AsyncSeriesHook<[StageCall<CleanupContext>]>;
  readonly rollback: AsyncSeriesHook<[StageCall<RollbackContext>]>;
}

export function createHooks(): Hooks {
  return {
    detect: new AsyncSeriesBailHook(["call"]),
    prepare: new AsyncSeriesHook(["call"]),
    link: new AsyncSeriesWaterfallHook(["paths", "call"]),
    build: new AsyncSeriesHook(["call"]),
    gate: new AsyncSeriesHook(["call"]),
    migrate: new AsyncSeriesHook(["call"]),
    activate: new AsyncSeriesHook(["call"]),
    cleanup: new AsyncSeriesHook(["call"]),
    rollback: new AsyncSeriesHook(["call"]),
  };
}
