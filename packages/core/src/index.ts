export { formatBytes, parseBytes } from "./config/bytes.ts";
export { type ConfigProblem, configError } from "./config/config-error.ts";
export { type ConfigArguments, type ConfigFunction, defineConfig } from "./config/define-config.ts";
export { type ResolvedConfig, type ResolveOptions, resolveConfig } from "./config/resolve.ts";
export { type ConfigInput, configSchema, type SharedInput } from "./config/schema.ts";
export { type CoreErrorCode, coreError, coreErrors } from "./errors/catalog.ts";
export {
  DeployError,
  type ErrorCatalog,
  type ErrorEntry,
  type ErrorMessage,
  EXIT,
  type ExitCode,
} from "./errors/deploy-error.ts";
export { plural } from "./errors/plural.ts";
export { type Redact, redactor, redactValue } from "./errors/redact.ts";
export { isSecretName } from "./errors/secret-names.ts";
export { Deployer, type DeployerOptions, type FoundCommand } from "./lifecycle/deployer.ts";
export type { RecordedKind, Reporter, RunEvent, RunKind, StepOutcome } from "./lifecycle/events.ts";
export { errorResult } from "./lifecycle/failure.ts";
export { noteBeforeRun } from "./lifecycle/note-before-run.ts";
export {
  type HistoryEntry,
  history,
  outages,
  type ReleaseListing,
  type RunSummary,
  releases,
  type Status,
  status,
} from "./lifecycle/overview.ts";
export type { Release, ReleaseInfo, ReleaseState, Revision } from "./lifecycle/release.ts";
export type {
  ErrorSummary,
  Outcome,
  ReleaseSummary,
  RequestFigures,
  RevisionDecision,
  RunResult,
} from "./lifecycle/result.ts";
export { logLine, seconds } from "./lifecycle/run-log.ts";
export { RUN_VARIABLE } from "./lifecycle/run-mark.ts";
export { extend, type Ports } from "./lifecycle/session.ts";
export { siteRedactor } from "./lifecycle/site-redactor.ts";
export { STAGES, type StageName } from "./lifecycle/stages.ts";
export { type CommandOptions, command, type RunCommandOptions, runCommand } from "./plugin/command.ts";
export type * from "./plugin/contexts.ts";
export {
  definePlugin,
  type OptionIssue,
  type OptionsSchema,
  type PluginFactory,
  type PluginReference,
} from "./plugin/define-plugin.ts";
export type { Ordered, Placement, Plugin, StageEntry, StageHandlers } from "./plugin/plugin.ts";
export {
  type ArgValues,
  type CommandArg,
  type CommandArgs,
  type CommandFlag,
  type CommandFlags,
  type CommandInput,
  defineCommand,
  type FlagValues,
  type PluginCommand,
} from "./plugin/plugin-command.ts";
export type { Clock } from "./ports/clock.ts";
export type { FileInfo, FileSystem } from "./ports/file-system.ts";
export { nodeFileSystem } from "./ports/node-file-system.ts";
export { nodeProcessRunner } from "./ports/node-process-runner.ts";
export { procProcessTable } from "./ports/proc-process-table.ts";
export type { Command, CommandResult, ProcessRunner, RunningProcess } from "./ports/process-runner.ts";
export type { OpenFile, ProcessIdentity, ProcessTable } from "./ports/process-table.ts";
export { systemClock } from "./ports/system-clock.ts";
export { type CandidateOptions, runCandidate } from "./probe/candidate.ts";
export {
  type CommandCheck,
  type HealthCheck,
  type HealthCheckOptions,
  httpCheck,
  type OutsideCheck,
  outsideCheck,
  type Probe,
  type ProbeAnswer,
  patternOf,
  type TcpCheck,
} from "./probe/health-check.ts";
export { httpProbe, type ProbeTarget } from "./probe/http-probe.ts";
export { installPreload } from "./probe/install-preload.ts";
export { foreseeMemory } from "./probe/memory.ts";
export { outsideProbe } from "./probe/outside-probe.ts";
export { preloadEnvironment } from "./probe/preload-environment.ts";
export { excessOfSocketPath, refuseLongSocketPath, workerSocket } from "./probe/private-socket.ts";
export { describeRequests, type Prober, type ProberReport, startProber } from "./probe/prober.ts";
export { stayHealthy } from "./probe/stay-healthy.ts";
export { type TrialEvidence, watchTrial } from "./probe/trial-evidence.ts";
export { waitUntilHealthy } from "./probe/wait-until-healthy.ts";
export { childOf } from "./release/child.ts";
export { isInside } from "./release/inside.ts";
export { type Layout, layout, REHEARSAL, REVISION_FILE } from "./release/layout.ts";
export { namedHere } from "./release/named-here.ts";
export { containedPath, linkAbove, ownPath } from "./release/own-path.ts";
export { refuseWritableConfig } from "./release/root.ts";
export { entryFor, type SharedPath, type Substitute } from "./release/shared-path.ts";
export type { LastCheck, Outage } from "./store/check-records.ts";
export type { Decision, LockHolder, ReleaseRecord, RunRecord, StepRecord, Verdict } from "./store/run-store.ts";
