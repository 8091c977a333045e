export { type DeployerWith, deployerWith, type TestDeployer } from "./deployer-with.ts";
export { type Fault, faultyFileSystem } from "./faulty-file-system.ts";
export { type Load, type LoadOptions, type LoadReport, startLoad } from "./load.ts";
export { type ManualClock, manualClock } from "./manual-clock.ts";
export { type CommitFiles, type MemoryRemote, memoryRemote } from "./memory-remote.ts";
export { type RecordingReporter, recordingReporter } from "./recording-reporter.ts";
export { type ScriptedAnswer, type ScriptedRunner, scriptedRunner } from "./scripted-runner.ts";
export { type TemporaryDirectory, type TemporaryRoot, temporaryDirectory, temporaryRoot } from "./temporary.ts";
export { type TestContext, testContext } from "./test-context.ts";
