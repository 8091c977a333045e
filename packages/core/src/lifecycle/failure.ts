import { coreError } from "../errors/catalog.ts";
import { DeployError, EXIT } from "../errors/deploy-error.ts";
import { type Redact, redactor, redactValue } from "../errors/redact.ts";
import type { ErrorSummary, Outcome, RunResult } from "./result.ts";
import type { StageName } from "./stages.ts";

const DISK_CODES = new Set(["ENOSPC", "EDQUOT", "EACCES", "EPERM", "EROFS", "EIO", "EMFILE", "ENFILE"]);
// Of what core opens itself these are the run store and the lock.
const SQLITE_DISK = /^SQLITE_(FULL|IOERR|CANTOPEN|READONLY|PERM|AUTH)/;

/** Whatever was thrown, as an error that says what to do. */
export function toDeployError(error: unknown, signal: AbortSignal): DeployError {
  if (signal.aborted) {
    return coreError("ERR_INTERRUPTED", {
      message: "The run was interrupted.",
      hint: "The next `deployer check` begins anew.",
      cause: error,
    });
  }
  if (error instanceof DeployError) return error;
  // A second copy of core (a plugin's own) makes errors of another class with the same shape.
  if (error instanceof Error && "code" in error && "exitCode" in error && "hint" in error) return error as DeployError;
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  const message = error instanceof Error ? error.message : String(error);
  if (DISK_CODES.has(code) || SQLITE_DISK.test(code)) {
    return coreError("ERR_DISK", {
      message: `Writing${code.startsWith("SQLITE") ? " the run store in .deployer" : ""} failed: ${message}`,
      hint: "Look at free space and at who may write there (df -h, ls -ld).",
      details: { code },
      cause: error,
    });
  }
  if (/^SQLITE_(CORRUPT|NOTADB)/.test(code)) {
    return coreError("ERR_STORE_DAMAGED", {
      message: `The run store in .deployer is damaged: ${message}`,
      hint: "Run `deployer check`: it sets the store aside and makes a new one from the releases on disk.",
      cause: error,
    });
  }
  return coreError("ERR_DEFECT", {
    message: `Something unforeseen happened: ${message}`,
    hint: "Please report it with the log.",
    details: { stack: error instanceof Error ? error.stack : undefined },
    cause: error,
  });
}

export function errorSummary(error: DeployError, redact: Redact): ErrorSummary {
  return {
    code: error.code,
    message: redact(error.message),
    hint: redact(error.hint),
    details: redactValue(JSON.parse(JSON.stringify(error.details)), redact) as Record<string, unknown>,
  };
}

export function outcomeOf(error: DeployError): Outcome {
  if (error.exitCode === EXIT.locked) return "locked";
  if (error.exitCode === EXIT.unreachable) return "unreachable";
  if (error.exitCode === EXIT.interrupted) return "interrupted";
  return "failed";
}

/**
 * Whether a failure says something about the revision, so that trying it again by itself is of no use. What a person
 * must mend on this machine, an unreachable remote, a full disk and an interruption do not. What is found unfit only at
 * the gate stands in the revision's own files, as its ecosystem file, and cost a build to find.
 */
export function holdsRevision(error: DeployError, stage?: StageName): boolean {
  if (error.exitCode === EXIT.unfit) return stage === "gate";
  const causes: readonly number[] = [EXIT.undone, EXIT.notUndone, EXIT.defect];
  return causes.includes(error.exitCode) && error.code !== "ERR_DISK";
}

/** The result of something that was refused before a run could begin. `app` is null when the config is not known. */
export function errorResult(
  thrown: unknown,
  app: string | null = null,
  signal: AbortSignal = new AbortController().signal,
): RunResult {
  const error = toDeployError(thrown, signal);
  return {
    schema: 1,
    app,
    outcome: outcomeOf(error),
    exitCode: error.exitCode,
    release: null,
    previous: null,
    stages: [],
    migrated: {},
    requests: null,
    recovered: null,
    answer: null,
    warnings: [],
    decision: null,
    outage: null,
    over: [],
    error: errorSummary(error, redactor(process.env)),
    undoFailures: [],
    log: null,
  };
}
