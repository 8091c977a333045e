import type { Revision } from "../lifecycle/release.ts";
import type { SharedPath } from "../release/shared-path.ts";
import type {
  ActivateContext,
  BuildContext,
  CleanupContext,
  DetectContext,
  Downtime,
  GateContext,
  LinkContext,
  MigrateContext,
  PlanContext,
  PluginStatus,
  PreflightContext,
  PrepareContext,
  RecoverContext,
  RollbackContext,
  RollForwardContext,
  StatusContext,
} from "./contexts.ts";
import type { PluginCommand } from "./plugin-command.ts";

/** What a stage's handler takes and answers. */
export interface StageHandlers {
  /** Where the watched ref stands now, new or not; `undefined` means "not mine". The first answer decides. */
  detect(context: DetectContext): Promise<Revision | undefined>;
  prepare(context: PrepareContext): Promise<void>;
  /** Adds to the list of shared paths. Core makes the links. */
  link(paths: readonly SharedPath[], context: LinkContext): Promise<readonly SharedPath[]>;
  build(context: BuildContext): Promise<void>;
  gate(context: GateContext): Promise<void>;
  migrate(context: MigrateContext): Promise<void>;
  activate(context: ActivateContext): Promise<void>;
  /** After the commit point: an error becomes a warning. */
  cleanup(context: CleanupContext): Promise<void>;
  /** May refuse with `context.veto`. */
  rollback(context: RollbackContext): Promise<void>;
}

/** Order among plugins; without it the order of the config file holds. */
export interface Placement {
  /** Names of plugins that must come later. */
  readonly before?: string | readonly string[];
  /** Names of plugins that must come earlier. */
  readonly after?: string | readonly string[];
}

/** Where a handler stands. `pre` and `post` exist only where core itself stands in the stage: around `switch-current`. */
export type Ordered<Stage extends keyof StageHandlers> = Placement &
  (Stage extends "activate" ? { readonly order: "pre" | "post" } : { readonly order?: never }) & {
    /** Shown as the step's name; the plugin's name unless given. */
    readonly step?: string;
    readonly handler: StageHandlers[Stage];
  };

/** A stage of a plugin: the handler itself, or one or several with their places. In `activate` the place must be said. */
export type StageEntry<Stage extends keyof StageHandlers> = Stage extends "activate"
  ? Ordered<Stage> | readonly Ordered<Stage>[]
  : StageHandlers[Stage] | Ordered<Stage> | readonly Ordered<Stage>[];

/** What a plugin may do, and when. */
export type Plugin = {
  /** Unique in a config; other plugins may name it in `before` and `after`. */
  readonly name: string;
  /** Looks whether config and machine are fit and collects every problem; touches nothing. Before each run. */
  preflight?(context: PreflightContext): Promise<void>;
  /** What this plugin would do, one line each; touches nothing. */
  plan?(context: PlanContext): Promise<readonly string[]>;
  /** What this plugin sees of the machine now, for `deployer status`; touches nothing, and never waits for long. */
  status?(context: StatusContext): Promise<PluginStatus>;
  /**
   * What keeps the current release from being served, if anything does; touches nothing. Each check asks it, so it must be
   * cheap: a process that is gone is seen here, an answer that is wrong is not.
   */
  downtime?(context: StatusContext): Promise<Downtime | undefined>;
  /**
   * Before a run that died is settled either way: completes what it had begun to commit and nobody takes back, and says
   * so when that is one-way. Must not rely on memory of that run.
   */
  rollForward?(context: RollForwardContext): Promise<void>;
  /** Settles what a run that died left of this plugin's work. Must not rely on memory of that run. */
  recover?(context: RecoverContext): Promise<void>;
  readonly commands?: Readonly<Record<string, PluginCommand>>;
} & { readonly [Stage in keyof StageHandlers]?: StageEntry<Stage> };
