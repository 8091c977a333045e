import { hostname } from "node:os";
import { DeployError, EXIT, type ExitCode } from "../errors/deploy-error.ts";
import { plural } from "../errors/plural.ts";
import { userName } from "../lock/user-name.ts";
import type { Verdict } from "../store/run-store.ts";
import { decisionOn } from "./decision.ts";
import { type FoundDowntime, notServed } from "./downtimes.ts";
import type { RecordedKind } from "./events.ts";
import { errorSummary, holdsRevision, outcomeOf, toDeployError } from "./failure.ts";
import { afterOneWay } from "./one-way.ts";
import type { PreviousRelease } from "./previous-release.ts";
import type { Release, ReleaseInfo, Revision } from "./release.ts";
import type { ErrorSummary, Outcome, ReleaseSummary, RunResult } from "./result.ts";
import { Run } from "./run.ts";
import type { RunLog } from "./run-log.ts";
import { endRunProcesses } from "./run-processes.ts";
import { servedNow } from "./served-now.ts";
import type { Session } from "./session.ts";
import { type UndoFailure, UndoStack } from "./undo-stack.ts";
import { againAt, standing } from "./verdict.ts";

/** What the body of a run answers when nothing was thrown. */
export interface Ending {
  readonly outcome: Outcome;
  readonly release: ReleaseInfo | undefined;
  /** Why nothing is done. */
  readonly decision?: RunResult["decision"];
  /** Of a plugin's command: what it answered. */
  readonly answer?: unknown;
}

export interface AttemptInit {
  readonly session: Session;
  readonly previous: PreviousRelease;
  readonly log: RunLog;
  readonly reason: string;
  readonly recovered: RunResult["recovered"];
  /** What kept the release before from being served when the run began, and still does. */
  readonly downtimes?: readonly FoundDowntime[];
}

/** One try at something: it ends accepted, or undone, and always with a result. */
export class Attempt {
  readonly session: Session;
  readonly run: Run;
  readonly previous: PreviousRelease;
  readonly downtimes: readonly FoundDowntime[];
  /** What is to be reversed should it fail. */
  readonly undo: UndoStack = new UndoStack();
  readonly #log: RunLog;
  readonly #reason: string;
  readonly #recovered: RunResult["recovered"];
  #begun = false;
  #accepted = false;
  #release: ReleaseInfo | undefined;
  #watched: Revision | undefined;
  #decision: RunResult["decision"] = null;
  #answer: unknown = null;

  constructor(init: AttemptInit) {
    this.session = init.session;
    this.previous = init.previous;
    this.downtimes = init.downtimes ?? [];
    this.#log = init.log;
    this.#reason = init.reason;
    this.#recovered = init.recovered;
    this.run = new Run(init.session, this.undo, init.previous);
  }

  get isBegun(): boolean {
    return this.#begun;
  }

  /** From here the run stands in the store and has a log. `watched`: the revision that a failure will hold. */
  async begin(kind: RecordedKind, watched?: Revision): Promise<void> {
    const { store, run, ports, config, resolved } = this.session;
    const identity = await ports.processes.identity(process.pid);
    const at = ports.clock.now();
    store.beginRun({
      id: run.id,
      kind,
      reason: this.#reason,
      holder: {
        user: userName(),
        host: hostname(),
        since: new Date(at).toISOString(),
        process: identity ?? { pid: process.pid, startTime: "", bootId: "" },
      },
      plugins: resolved.pluginOptions,
      previous: this.previous.info?.id ?? null,
      previousLink: this.previous.link ?? null,
      startedAt: at,
    });
    this.run.steps.begin();
    this.#begun = true;
    this.#watched = watched;
    this.session.emit({ type: "run:start", kind, app: config.app });
    this.#log.open();
  }

  /** The commit point: what was done stays, whatever comes after. */
  accept(
    release: Release<"active">,
    decided: { readonly revision: Revision; readonly verdict: Verdict } | undefined,
  ): void {
    const { session } = this;
    const decisions = decided === undefined ? [] : [decisionOn(decided.revision, decided, session)];
    session.store.accept(session.run.id, release.id, session.ports.clock.now(), decisions);
    this.#accepted = true;
    this.#release = release;
    this.undo.clear();
  }

  /** Cleaning up can only add warnings: the release is served. */
  async cleanup(release: Release<"active">): Promise<void> {
    try {
      await this.run.cleanup(release);
    } catch (error) {
      this.session.warn(`Cleaning up was not finished: ${String(error)}. The next run does it.`);
    }
  }

  async perform(body: (attempt: Attempt) => Promise<Ending>): Promise<RunResult> {
    let result: RunResult;
    try {
      const ending = await body(this);
      this.#release = ending.release;
      this.#decision = ending.decision ?? null;
      this.#answer = ending.answer ?? null;
      result = this.#result(ending.outcome, EXIT.ok, null, []);
    } catch (error) {
      result = await this.#fail(error);
    }
    result = { ...result, ...(await servedNow(this.session.ports.fs, this.session.paths)) };
    if (this.#begun) this.#endRun(result);
    this.session.emit({ type: "run:end", result });
    return result;
  }

  /** A store that does not take it, as on a full disk, changes nothing of what was done: the next run settles it. */
  #endRun(result: RunResult): void {
    const { session } = this;
    try {
      session.store.endRun(session.run.id, result, session.ports.clock.now());
    } catch (error) {
      session.warn(`The end of this run could not be recorded: ${String(error)}. The next run does it.`);
    }
  }

  async #fail(thrown: unknown): Promise<RunResult> {
    const { session } = this;
    const error = afterOneWay(toDeployError(thrown, session.signal), this.run.facts.oneWay);
    if (this.#accepted) {
      // The release is in service: what came after it is told, and nothing is taken back.
      session.warn(`After the release was accepted: ${error.message}`);
      return this.#result("deployed", EXIT.ok, null, []);
    }
    await this.#endLeftovers();
    const failures = await this.undo.unwind({
      start: (label) => session.emit({ type: "undo:start", label }),
      end: (label, message) =>
        session.emit({
          type: "undo:end",
          label,
          outcome: message === undefined ? "ok" : "failed",
          ...(message === undefined ? {} : { message: session.redact(message) }),
        }),
    });
    const exitCode = failures.length > 0 ? EXIT.notUndone : error.exitCode;
    try {
      this.#hold(new DeployError({ ...error, message: error.message, exitCode }));
    } catch (failure) {
      session.warn(`What was decided on this revision could not be recorded: ${String(failure)}.`);
    }
    return this.#result(outcomeOf(error), this.#withDowntime(exitCode), errorSummary(error, session.redact), failures);
  }

  /** What was down when the run began is still down. */
  #withDowntime(exitCode: ExitCode): ExitCode {
    if (!this.#begun || this.downtimes.length === 0 || exitCode === EXIT.interrupted) return exitCode;
    this.session.warn(notServed(this.downtimes, this.previous.info?.id).message);
    return EXIT.notUndone;
  }

  /** Nothing of this run may write while it is being undone. */
  async #endLeftovers(): Promise<void> {
    const { ports, run } = this.session;
    const { left } = await endRunProcesses(ports.processes, ports.clock, run.id);
    if (left.length > 0)
      this.session.warn(
        `${plural(left.length, "process", "processes")} of this run could not be ended: ${left.join(", ")}.`,
      );
  }

  #hold(error: DeployError): void {
    const { session } = this;
    const { store, ports, redact } = session;
    const stage = this.run.steps.stages.at(-1)?.name;
    if (this.#watched === undefined || !holdsRevision(error, stage)) return;
    // What fails in service is not tried on visitors again, and what could not be undone is for a person.
    const mayPass = error.mayPass && stage !== "activate" && error.exitCode === EXIT.undone;
    const failures = store.failures(this.#watched.hash, error.code) + 1;
    const retryAt = mayPass ? againAt(failures, ports.clock.now()) : undefined;
    const verdict = retryAt === undefined ? "held" : "again";
    const reason = redact(error.message.split("\n")[0] ?? "");
    const { watched, decision } = decisionOn(this.#watched, { verdict, code: error.code, reason }, session);
    store.decide(watched, decision);
    this.#decision = standing(decision, retryAt ?? null);
  }

  #result(
    outcome: Outcome,
    exitCode: ExitCode,
    error: ErrorSummary | null,
    undoFailures: readonly UndoFailure[],
  ): RunResult {
    const { session, run, previous } = this;
    return {
      schema: 1,
      app: session.config.app,
      outcome,
      exitCode,
      release: summary(this.#release ?? (error === null ? previous.info : undefined)),
      previous: summary(previous.info),
      stages: run.steps.stages,
      migrated: run.facts.migrated,
      requests: run.facts.requests,
      recovered: this.#recovered,
      answer: this.#answer,
      warnings: session.warnings,
      decision: this.#decision,
      outage: null,
      over: [],
      error,
      undoFailures,
      log: this.#log.isOpen ? this.#log.path : null,
    };
  }
}

function summary(release: ReleaseInfo | undefined): ReleaseSummary | null {
  return release === undefined ? null : { id: release.id, revision: release.revision.hash };
}
