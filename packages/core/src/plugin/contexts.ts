import type { DeployError } from "../errors/deploy-error.ts";
import type { Redact } from "../errors/redact.ts";
import type { RecordedKind } from "../lifecycle/events.ts";
import type { ReleaseInfo, Revision } from "../lifecycle/release.ts";
import type { RequestFigures } from "../lifecycle/result.ts";
import type { StageName } from "../lifecycle/stages.ts";
import type { Clock } from "../ports/clock.ts";
import type { FileSystem } from "../ports/file-system.ts";
import type { ProcessRunner } from "../ports/process-runner.ts";
import type { ProcessTable } from "../ports/process-table.ts";
import type { Layout } from "../release/layout.ts";
import type { SharedPath, Substitute } from "../release/shared-path.ts";
import type { ArgValues, FlagValues } from "./plugin-command.ts";

/** The config as core and plugins use it: validated, with defaults filled in. */
export interface AppConfig {
  readonly app: string;
  readonly environment: string | null;
  readonly root: string;
  /** Where the app lies inside its repository; "." is the top. */
  readonly directory: string;
  readonly shared: readonly SharedPath[];
  readonly keepReleases: number;
  readonly keepFailed: number;
  /** `false`: build and gate see the live data. */
  readonly copies: { readonly maxBytes: number } | false;
}

/** The Node that will run the app; install, build and gate use it too. */
export interface NodeRuntime {
  readonly path: string;
  readonly reason: string;
}

/** JSON that a plugin keeps, for the app or for one release. Written at once, kept until overwritten. */
export interface PluginState {
  get<T>(key: string, release?: string): T | undefined;
  set(key: string, value: unknown, release?: string): void;
}

/** What every handler receives. */
export interface Context {
  readonly config: AppConfig;
  readonly paths: Layout;
  readonly run: { readonly id: string; readonly kind: RecordedKind | "recover" | "inspect" };
  readonly clock: Clock;
  readonly fs: FileSystem;
  readonly runner: ProcessRunner;
  readonly processes: ProcessTable;
  /** Aborted when the run is interrupted. Pass it on to whatever waits. */
  readonly signal: AbortSignal;
  readonly redact: Redact;
  readonly node: NodeRuntime;
  /**
   * The clean environment for commands: PATH (with `node` first), HOME, language, proxy settings and what `env` of the
   * config lists, never the deployer's own secrets.
   */
  readonly env: Readonly<Record<string, string>>;
  readonly state: PluginState;
  /** Told in every output and kept in the log. */
  info(text: string): void;
  /** Also in the result's `warnings`. */
  warn(text: string): void;
  /** One line of a command's output: to the log, and as the last line on a terminal. */
  output(line: string): void;
  /** Sleeps for a wait that was chosen (settling, soak, drain), which is timed apart from work. */
  wait(ms: number): Promise<void>;
}

/** Handle of an undo that may turn out not to be needed. */
export interface UndoHandle {
  drop(): void;
}

export interface UndoContext {
  /** Aborted when this undo has used up its time. Not the run's signal, which may be aborted already. */
  readonly signal: AbortSignal;
}

export interface CanUndo {
  /**
   * Says how to reverse the act that follows; call it first, and let the action do nothing when the act never took
   * place. On failure they run last to first, each with a deadline of its own (60 seconds unless given).
   */
  undo(
    label: string,
    action: (context: UndoContext) => Promise<void> | void,
    options?: { readonly timeoutMs?: number },
  ): UndoHandle;
}

export interface DetectContext extends Context {
  /** The ref that a person asked for, or `undefined` for the one that is watched. */
  readonly ref: string | undefined;
}

export interface ReleaseContext extends Context {
  readonly release: ReleaseInfo;
  /** The release that was served when the run began. */
  readonly previous: ReleaseInfo | undefined;
}

export interface PrepareContext extends ReleaseContext, CanUndo {}

export interface LinkContext extends ReleaseContext, CanUndo {
  /**
   * Leaves the gate out of this run, for when a trial would touch live data that is not ready for it. Told as a warning:
   * the release is then not proven.
   */
  skipGate(reason: string): void;
  /**
   * Has the running release tried as well, on the stand-ins, from a throw-away clone: that a rollback would work is then
   * proven. With `mayFail` a failure is only told. Does nothing when nothing is served yet.
   */
  tryPrevious(options?: { readonly mayFail?: boolean }): void;
  /**
   * Copies of something that is under no shared path, which the app finds by a variable. `fill` gets an empty directory
   * inside the release and answers the variables for build and gate, and which file it copied; the directory is removed
   * after the gate.
   */
  copyBeside(copies: CopyBeside): void;
}

export interface CopyBeside extends Pick<Substitute, "settle"> {
  fill(
    directory: string,
    context: LinkContext,
  ): Promise<{ readonly env?: Readonly<Record<string, string>>; readonly copies?: readonly CopiedFile[] } | undefined>;
}

/** The shared paths of a release, as its build meets them. */
export interface BuildLinks {
  /** Everything that is linked, what plugins added included. */
  readonly shared: readonly SharedPath[];
  /**
   * Puts an empty directory in the place of a shared one until the build stage has ended, for a tool that refuses links
   * which leave the release. Where copies stand there, they stay, and only the links beside them go.
   */
  empty(path: string): Promise<void>;
}

export interface BuildContext extends ReleaseContext, CanUndo {
  readonly links: BuildLinks;
  /** For the build's commands: `env` with DEPLOYER_RUN, DEPLOYER_REVISION and what substitutes ask for. */
  readonly environment: Readonly<Record<string, string>>;
}

/** Something that must prove itself out of traffic. */
export interface Trial {
  readonly label: string;
  readonly release: ReleaseInfo;
  /** Where it runs: the app's directory. */
  readonly directory: string;
  /** Beside the app's own environment. */
  readonly environment: Readonly<Record<string, string>>;
  /** A failure is told and fails nothing. */
  readonly mayFail?: boolean;
}

/** A live file, and what stands in its place while a release is built and tried. */
export interface CopiedFile {
  /** Relative to the app, as "data/core.db"; absolute where the app finds it by a variable. */
  readonly name: string;
  readonly live: string;
  readonly copy: string;
}

export interface GateContext extends ReleaseContext, CanUndo {
  /** One after the other, never two at once. */
  readonly trials: readonly Trial[];
  /** Whether databases and the like are copies; of a rollback they are live. */
  readonly onCopies: boolean;
  /** Which files the trial must not open, and what it must open instead. Empty where nothing is copied. */
  readonly copies: readonly CopiedFile[];
}

export type SettleContext = ReleaseContext;

export interface MigrateContext extends ReleaseContext, CanUndo {
  /** Says that these migrations are committed. They stay, and result and history name them. */
  migrated(database: string, names: readonly string[]): void;
  /**
   * Says that what is committed does not suit the release before: should the run fail from here on, it ends with exit 5,
   * this reason and this hint, because what serves again may not work.
   */
  oneWay(reason: string, hint: string): void;
}

/** The link `current`, as an activation may need it. */
export interface CurrentLink {
  /** The literal path of the link: what a process manager must be given. */
  readonly path: string;
  /** Points it back at what was served before the run, or removes it when nothing was. May be called again. */
  restore(): Promise<void>;
}

export interface ActivateContext extends ReleaseContext, CanUndo {
  readonly current: CurrentLink;
  /** Says how requests to the served app fared meanwhile; result and history name it. Several are added up. */
  measured(requests: RequestFigures): void;
}

export interface CleanupContext extends ReleaseContext {
  /** Releases that were removed by retention in this run. */
  readonly removed: readonly ReleaseInfo[];
}

export interface RollbackContext extends ReleaseContext {
  /** The release served now; `release` is the one to return to. */
  readonly current: ReleaseInfo;
  /** Every release older than `current` that a rollback may name, newest first. */
  readonly older: readonly ReleaseInfo[];
  /** Stops the rollback with exit 6 and this reason. */
  veto(reason: string, hint: string): never;
}

export interface PreflightContext extends Context {
  /** Collects a problem; all are told at once. */
  problem(message: string, hint: string): void;
  /** Sets the Node for install, build, gate and app. The last word counts. */
  useNode(path: string, reason: string): void;
}

export interface PlanContext extends Context {
  readonly revision: Revision;
  readonly current: ReleaseInfo | undefined;
}

/** A run that died: killed, or the machine went down. */
export interface InterruptedRun {
  readonly id: string;
  readonly kind: RecordedKind;
  /** `null`: it died before the first, or was a command, which has none. */
  readonly stage: StageName | null;
  readonly release: ReleaseInfo | undefined;
  readonly previous: ReleaseInfo | undefined;
  /** Its activation was complete: only cleaning up was left. */
  readonly accepted: boolean;
}

export interface RollForwardContext extends Context {
  readonly interrupted: InterruptedRun;
  /** Says that the dead run's migrations are committed, whether it told so itself or not. */
  migrated(database: string, names: readonly string[]): void;
  /** As in `migrate`: what is committed does not suit the release before, so the dead run's release takes over. */
  oneWay(reason: string, hint: string): void;
  /** Says that what a dead command was to change is changed, so that it counts as done. */
  completed(): void;
}

export interface RecoverContext extends Context {
  readonly interrupted: InterruptedRun;
  /** "undo": `current` has been pointed back already. "finish": the release stays. */
  readonly direction: "undo" | "finish";
}

/** What a plugin sees of the machine, for `deployer status`. */
export interface PluginStatus {
  /** For people, one each. */
  readonly lines: readonly string[];
  /** The same for programs. */
  readonly data: unknown;
}

export interface StatusContext extends Context {
  readonly current: ReleaseInfo | undefined;
}

/** What keeps the current release from being served. */
export interface Downtime {
  /** What was found, as a sentence. */
  readonly problem: string;
  readonly hint: string;
  /** Whether starting the current release again is the cure. Not for what a person has stopped. */
  readonly canRestore: boolean;
}

/** What a command receives. Its `undo` is for what it makes or changes: it runs when the command fails. */
export interface CommandContext<Args = ArgValues, Flags = FlagValues> extends Context, CanUndo {
  readonly current: ReleaseInfo | undefined;
  readonly args: Args;
  readonly flags: Flags;
  /** The files of what `deployer deploy [ref]` would deploy now: the remote is asked, and the mirror gets the commit. */
  checkOut(ref?: string): Promise<CheckedOut>;
}

/** A revision on disk that is no release; it goes when it is disposed of. */
export interface CheckedOut extends ReleaseInfo, AsyncDisposable {}

/** A problem that preflight found. */
export interface Problem {
  readonly plugin: string;
  readonly message: string;
  readonly hint: string;
}

export type { DeployError };
