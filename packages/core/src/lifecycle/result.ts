import type { ExitCode } from "../errors/deploy-error.ts";
import type { Outage } from "../store/check-records.ts";
import type { StageName } from "./stages.ts";

export type Outcome =
  | "deployed"
  | "up-to-date"
  | "held"
  | "backing-off"
  | "locked"
  | "unreachable"
  | "failed"
  | "interrupted"
  | "rolled-back"
  | "reloaded"
  | "done";

export interface ReleaseSummary {
  readonly id: string;
  readonly revision: string;
}

export interface ErrorSummary {
  readonly code: string;
  readonly message: string;
  readonly hint: string;
  readonly details: Readonly<Record<string, unknown>>;
}

/** What a prober saw of the served app while a release took over. */
export interface RequestFigures {
  readonly sent: number;
  readonly failed: number;
  /** The slowest answer. */
  readonly worstMs: number;
}

/** What the next checks make of a revision that is not deployed. */
export interface RevisionDecision {
  /** Its hash; `null` where a check failed before it knew. */
  readonly revision: string | null;
  /** "held" and "rolled-back": nothing is tried until there is a new commit or a person says so. */
  readonly verdict: "held" | "rolled-back" | "again";
  readonly reason: string | null;
  /** When it is tried again; `null` with "again": by the next check. */
  readonly retryAt: number | null;
}

/** What every run answers with `--json`: `check`, `deploy`, `rollback`, `reload`, a command that changes something. Text, object and exit code tell the same story. */
export interface RunResult {
  readonly schema: 1;
  readonly app: string | null;
  readonly outcome: Outcome;
  readonly exitCode: ExitCode;
  /** The release that this run made or returned to; of a run with nothing to do, the current one. */
  readonly release: ReleaseSummary | null;
  /** What was served before this run. */
  readonly previous: ReleaseSummary | null;
  /** What `current` led to when the command ended; `null`: there was none. Absent when that could not be told. */
  readonly served?: string | null;
  readonly stages: readonly {
    readonly name: StageName;
    readonly milliseconds: number;
    readonly outcome: "ok" | "failed";
  }[];
  /** Committed migrations by database, also when a later stage failed: they stay. */
  readonly migrated: Readonly<Record<string, readonly string[]>>;
  /** Requests to the served app during the activation; `null` when nobody counted. */
  readonly requests: RequestFigures | null;
  /** What was settled of an earlier run that had died, before this one began. */
  readonly recovered: { readonly run: string; readonly outcome: "undone" | "finished" } | null;
  /** Of a plugin's command: what it answered; else `null`. */
  readonly answer: unknown;
  readonly warnings: readonly string[];
  /** Whether the revision is held or tried again, where it is not deployed. */
  readonly decision: RevisionDecision | null;
  /** Since when, and how often, checks fail like this one. `isNews`: a quiet check tells it now. */
  readonly outage: (Outage & { readonly isNews: boolean }) | null;
  /** Outages that are over; a quiet check names each once. */
  readonly over: readonly Outage[];
  readonly error: ErrorSummary | null;
  /** Undo actions that failed; not empty means exit 5. */
  readonly undoFailures: readonly { readonly label: string; readonly message: string }[];
  /** The run's log file. */
  readonly log: string | null;
}
