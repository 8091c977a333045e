import { coreError } from "../errors/catalog.ts";
import { EXIT } from "../errors/deploy-error.ts";
import { errorSummary } from "../lifecycle/failure.ts";
import type { ReleaseSummary, RunResult } from "../lifecycle/result.ts";
import type { Session } from "../lifecycle/session.ts";
import type { RunRecord } from "../store/run-store.ts";
import type { Recovered } from "./recover-run.ts";
import { whereItDied } from "./where-it-died.ts";

const FINISHED = { deploy: "deployed", rollback: "rolled-back", reload: "reloaded", command: "done" } as const;

/** The result of a run that died, as history shows it after it was settled. */
export function settledResult(
  session: Session,
  record: RunRecord,
  { outcome, error: failure }: Recovered,
  log: string,
): RunResult {
  const finished = outcome === "finished";
  const error =
    failure ??
    coreError("ERR_KILLED", {
      message: `The run died ${whereItDied(record)}${record.kind === "command" ? "; the next one settled what it had left." : " and was undone by the next one."}`,
      hint: "Was the machine short of memory, or restarted? The log ends where it died.",
    });
  const release = finished ? summary(session, record.release) : null;
  return {
    schema: 1,
    app: session.config.app,
    outcome: finished ? FINISHED[record.kind] : failure === undefined ? "interrupted" : "failed",
    exitCode: finished ? EXIT.ok : error.exitCode,
    release,
    previous: summary(session, record.previous),
    stages: [],
    migrated: record.migrated,
    requests: null,
    recovered: null,
    answer: null,
    warnings: session.warnings,
    decision: null,
    outage: null,
    over: [],
    error: finished ? null : errorSummary(error, session.redact),
    undoFailures: [],
    log,
  };
}

function summary(session: Session, id: string | null): ReleaseSummary | null {
  const record = id === null ? undefined : session.store.release(id);
  return record === undefined ? null : { id: record.id, revision: record.revision.hash };
}
