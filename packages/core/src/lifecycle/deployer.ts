import { randomBytes } from "node:crypto";
import { basename } from "node:path";
import type { ResolvedConfig } from "../config/resolve.ts";
import { plural } from "../errors/plural.ts";
import type { CommandInput, PluginCommand } from "../plugin/plugin-command.ts";
import { nodeFileSystem } from "../ports/node-file-system.ts";
import { nodeProcessRunner } from "../ports/node-process-runner.ts";
import { procProcessTable } from "../ports/proc-process-table.ts";
import { systemClock } from "../ports/system-clock.ts";
import { recoverRuns } from "../recovery/recover-runs.ts";
import { currentId } from "../release/current-link.ts";
import { type Layout, layout } from "../release/layout.ts";
import { sweepLeftovers } from "../release/leftovers.ts";
import { prepareRoot } from "../release/root.ts";
import { emptyTrash, type Undeletable } from "../release/trash.ts";
import { openStore } from "../store/rebuild.ts";
import type { RunStore } from "../store/run-store.ts";
import { Attempt, type Ending } from "./attempt.ts";
import { bringBack, check, deploy, reload, rollback } from "./bodies.ts";
import { change, commandContext, runCommand, saidWords } from "./commands.ts";
import type { FoundDowntime } from "./downtimes.ts";
import { type RecordedKind, type Reporter, tellAll } from "./events.ts";
import { errorResult, toDeployError } from "./failure.ts";
import { refuseLiveRun, takeDeployLock } from "./lock-holder.ts";
import { noteBeforeRun } from "./note-before-run.ts";
import { noteCheck } from "./outage.ts";
import { previousRelease } from "./previous-release.ts";
import { BRING_BACK, putBackCurrent, restoreService } from "./restore-service.ts";
import type { RunResult } from "./result.ts";
import { RunLog } from "./run-log.ts";
import { servedNow } from "./served-now.ts";
import { type Ports, Session, type SessionInit } from "./session.ts";
import { UndoStack } from "./undo-stack.ts";
import { standing } from "./verdict.ts";

export interface DeployerOptions {
  readonly ports?: Partial<Ports>;
  readonly reporters?: readonly Reporter[];
  /** The deployer's own environment; only a clean part of it reaches commands. @default process.env */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** Aborting it interrupts the run, which is then undone (exit 130). */
  readonly signal?: AbortSignal;
}

/** Keeps how something ended, while its store is open. */
type Note = (store: RunStore, result: RunResult) => RunResult;

/** A command of a plugin, and what it is called on the command line. */
export interface FoundCommand {
  readonly topic: string;
  readonly name: string;
  readonly plugin: string;
  readonly command: PluginCommand;
}

/**
 * One app on this machine. `check`, `deploy`, `rollback` and `reload` take the lock, settle what a dead run left, and answer with a
 * result in every case; they never throw.
 */
export class Deployer {
  readonly paths: Layout;
  readonly resolved: ResolvedConfig;
  readonly #ports: Ports;
  readonly #options: DeployerOptions;

  constructor(resolved: ResolvedConfig, options: DeployerOptions = {}) {
    this.resolved = resolved;
    this.paths = layout(resolved.config.root);
    this.#options = options;
    this.#ports = {
      clock: systemClock,
      fs: nodeFileSystem,
      runner: nodeProcessRunner,
      processes: procProcessTable,
      ...options.ports,
    };
  }

  /**
   * Deploys what the watched ref has, unless that was decided on before; what should be served and is not is started again.
   * How it ended is kept; of a `quiet` one only what is news will be told: `outage.isNews` and `over` say what.
   */
  async check({ quiet = false }: { readonly quiet?: boolean } = {}): Promise<RunResult> {
    const { clock } = this.#ports;
    let isNoted = false;
    const note: Note = (store, result) => {
      isNoted = true;
      return noteCheck(store, result, clock.now(), quiet);
    };
    const result = await this.#locked("deploy", "check", check, note);
    return isNoted ? result : noteBeforeRun(this.paths.root, result, { now: clock.now(), quiet });
  }

  /** Makes a new release of the ref (the watched one unless given), also of a revision that is held or running. */
  deploy(options: { readonly ref?: string | undefined } = {}): Promise<RunResult> {
    return this.#locked("deploy", options.ref === undefined ? "deploy" : `deploy ${options.ref}`, (attempt) =>
      deploy(attempt, options.ref),
    );
  }

  /** Returns to a retained release: the one named, else the newest successful one older than current. */
  rollback(
    options: { readonly release?: string | undefined; readonly yes?: boolean; readonly gate?: boolean } = {},
  ): Promise<RunResult> {
    const { yes = false, gate = true } = options;
    const reason = ["rollback", options.release, gate ? undefined : "--no-gate"].filter(Boolean).join(" ");
    return this.#locked("rollback", reason, (attempt) => rollback(attempt, options.release, { yes, gate }));
  }

  /** The current release once more, for what it reads only at its start: `.env`, say. */
  reload(options: { readonly gate?: boolean } = {}): Promise<RunResult> {
    const { gate = true } = options;
    return this.#locked("reload", gate ? "reload" : "reload --no-gate", (attempt) => reload(attempt, gate));
  }

  /** The commands that the config's plugins add. */
  commands(): FoundCommand[] {
    return this.resolved.plugins.flatMap((plugin) =>
      Object.entries(plugin.commands ?? {}).map(([name, command]) => ({
        topic: command.topic ?? plugin.name,
        name,
        plugin: plugin.name,
        command,
      })),
    );
  }

  /** A run of a command that changes something. */
  change(found: FoundCommand, input: CommandInput): Promise<RunResult> {
    const reason = [found.topic, found.name, ...saidWords(input)].join(" ");
    return this.#locked("command", reason, (attempt) => change(attempt, found, input));
  }

  /** Runs a command that only looks, under the lock. @throws ERR_LOCK_HELD, ERR_INTERRUPTED and what the command throws */
  async inspect(found: FoundCommand, input: CommandInput): Promise<unknown> {
    await prepareRoot(this.#ports.fs, this.paths);
    const lock = takeDeployLock(this.paths);
    try {
      const { store } = await openStore(this.paths, this.resolved.config, this.#ports.fs, this.#ports.clock.now());
      try {
        await this.#recover(store);
        await sweepLeftovers(this.#ports.fs, this.paths);
        const session = this.#session(store, { id: this.#runId(), kind: "inspect" }, this.#reporters);
        const previous = await previousRelease(session, await currentId(this.#ports.fs, this.paths));
        const undo = new UndoStack();
        try {
          return await runCommand(found, commandContext(session, found.plugin, previous, undo, input));
        } catch (error) {
          await undo.unwind({ start: () => undefined, end: () => undefined });
          const { signal } = this.#options;
          throw signal?.aborted === true ? toDeployError(error, signal) : error;
        }
      } finally {
        store.close();
      }
    } finally {
      lock.release();
    }
  }

  async #locked(
    kind: RecordedKind,
    reason: string,
    body: (attempt: Attempt) => Promise<Ending>,
    note: Note = (_store, result) => result,
  ): Promise<RunResult> {
    try {
      await prepareRoot(this.#ports.fs, this.paths);
      const lock = takeDeployLock(this.paths);
      let left: Undeletable[] = [];
      const result = await this.#attempt(kind, reason, body, note).finally(async () => {
        lock.release();
        left = await emptyTrash(this.#ports.fs, this.paths).catch(() => []); // the next run deletes it
      });
      return left.length === 0 || result.log === null ? result : this.#withTrash(result, left);
    } catch (error) {
      return this.#refusal(error);
    }
  }

  async #refusal(error: unknown): Promise<RunResult> {
    const result = errorResult(error, this.resolved.config.app, this.#options.signal);
    return { ...result, ...(await servedNow(this.#ports.fs, this.paths)) };
  }

  /** Told by a run that did something, once, when its log is closed already. */
  #withTrash(result: RunResult, left: readonly Undeletable[]): RunResult {
    const [first] = left as [Undeletable];
    const text = `${plural(left.length, "thing", "things")} in the trash cannot be deleted, and the next run tries again (${first.reason}). As a user who may: rm -r ${left.map(({ path }) => path).join(" ")}`;
    const run = basename(result.log ?? "", ".log");
    tellAll(this.#reporters, { type: "warning", at: this.#ports.clock.now(), run, text });
    return { ...result, warnings: [...result.warnings, text] };
  }

  async #attempt(
    kind: RecordedKind,
    reason: string,
    body: (attempt: Attempt) => Promise<Ending>,
    note: Note,
  ): Promise<RunResult> {
    const { clock, fs } = this.#ports;
    const { store, rebuilt } = await openStore(this.paths, this.resolved.config, fs, clock.now());
    const began = clock.now();
    try {
      const result = await this.#perform(store, rebuilt, kind, reason, body).catch(async (error: unknown) => ({
        ...(await this.#refusal(error)),
        decision: heldSince(store, began),
      }));
      return noted(note, store, result);
    } finally {
      store.close();
    }
  }

  async #perform(
    store: RunStore,
    rebuilt: string | undefined,
    kind: RecordedKind,
    reason: string,
    body: (attempt: Attempt) => Promise<Ending>,
  ): Promise<RunResult> {
    const recovered = await this.#recover(store);
    await sweepLeftovers(this.#ports.fs, this.paths);
    return this.#logged(store, { id: this.#runId(), kind }, async (session, log) => {
      if (rebuilt !== undefined) session.warn(rebuilt);
      if (await putBackCurrent(session)) log.open();
      const downtimes = body === check ? await this.#restoreService(session) : [];
      const previous = await previousRelease(session, await currentId(this.#ports.fs, this.paths));
      return new Attempt({ session, previous, log, reason, recovered, downtimes }).perform(body);
    });
  }

  /** Starts again what should be served and is not, as a run of its own. Answers what is still wrong. */
  #restoreService(asking: Session): Promise<readonly FoundDowntime[]> {
    return restoreService(asking, (accepted, target) =>
      this.#logged(asking.store, { id: this.#runId(), kind: "reload" }, async (session, log) => {
        const previous = await previousRelease(session, await currentId(this.#ports.fs, this.paths));
        const attempt = new Attempt({ session, previous, log, reason: BRING_BACK, recovered: null });
        return attempt.perform((begun) => bringBack(begun, accepted, target));
      }),
    );
  }

  /** Settles every run that died; the newest is named in the result. */
  async #recover(store: RunStore): Promise<RunResult["recovered"]> {
    await refuseLiveRun(store, this.#ports.processes);
    return recoverRuns(store, (run, work) => this.#logged(store, run, work));
  }

  /** Does something in a session that has a log of its own. */
  async #logged<Answer>(
    store: RunStore,
    run: SessionInit["run"],
    work: (session: Session, log: RunLog) => Promise<Answer>,
  ): Promise<Answer> {
    const log = new RunLog(this.paths.logs, run.id);
    try {
      return await work(this.#session(store, run, [log, ...this.#reporters]), log);
    } finally {
      log.close();
    }
  }

  get #reporters(): readonly Reporter[] {
    return this.#options.reporters ?? [];
  }

  #session(store: RunStore, run: SessionInit["run"], reporters: readonly Reporter[]): Session {
    return new Session({
      resolved: this.resolved,
      ports: this.#ports,
      store,
      run,
      signal: this.#options.signal ?? new AbortController().signal,
      reporters,
      environment: this.#options.environment ?? process.env,
    });
  }

  #runId(): string {
    const second = new Date(this.#ports.clock.now()).toISOString().replace(/[-:]/g, "").replace(/\.\d+/, "");
    return `${second}-${randomBytes(3).toString("hex")}`;
  }
}

/** A store that does not take it, as on a full disk, must not change what is told of the run itself. */
function noted(note: Note, store: RunStore, result: RunResult): RunResult {
  try {
    return note(store, result);
  } catch (error) {
    return { ...result, warnings: [...result.warnings, `This check could not be recorded: ${String(error)}.`] };
  }
}

/** What the settling of a dead run has decided. */
function heldSince(store: RunStore, began: number): RunResult["decision"] {
  const [latest] = store.decisions();
  return latest === undefined || latest.at < began ? null : standing(latest, null);
}
