import { chmodSync, existsSync, statSync } from "node:fs";
import Database from "better-sqlite3";
import { coreError } from "../errors/catalog.ts";
import type { RecordedKind } from "../lifecycle/events.ts";
import type { Revision } from "../lifecycle/release.ts";
import type { RunResult } from "../lifecycle/result.ts";
import type { StageName } from "../lifecycle/stages.ts";
import { userName } from "../lock/user-name.ts";
import type { PluginState } from "../plugin/contexts.ts";
import type { ProcessIdentity } from "../ports/process-table.ts";
import type { SharedPath } from "../release/shared-path.ts";
import { CheckRecords } from "./check-records.ts";
import { STORE_UPGRADES, STORE_VERSION } from "./schema.ts";

export interface LockHolder {
  readonly user: string;
  readonly host: string;
  /** ISO 8601. */
  readonly since: string;
  readonly process: ProcessIdentity;
}

export interface RunRecord {
  readonly id: string;
  readonly kind: RecordedKind;
  readonly reason: string;
  readonly holder: LockHolder;
  readonly plugins: readonly { readonly name: string; readonly options: unknown }[];
  readonly revision: Revision | null;
  readonly release: string | null;
  readonly previous: string | null;
  /** The text of `current` when the run began; `null` when there was none. */
  readonly previousLink: string | null;
  readonly stage: StageName | null;
  readonly accepted: boolean;
  readonly migrated: Readonly<Record<string, readonly string[]>>;
  readonly startedAt: number;
  readonly endedAt: number | null;
  readonly result: RunResult | null;
}

export interface StepRecord {
  readonly stage: StageName;
  readonly step: string;
  readonly outcome: string;
  readonly milliseconds: number;
  readonly waitedMs: number;
}

export type ReleaseStatus = "making" | "successful" | "failed" | "removed";

export interface ReleaseRecord {
  readonly id: string;
  readonly sequence: number;
  readonly revision: Revision;
  readonly run: string | null;
  readonly status: ReleaseStatus;
  /** The shared paths that were linked into it. */
  readonly shared: readonly Pick<SharedPath, "path" | "kind">[];
  /** Its links are never changed again. */
  readonly everCurrent: boolean;
  readonly createdAt: number;
  readonly activatedAt: number | null;
}

/** "again": it failed for something that may pass, and is tried again after a while. */
export type Verdict = "deployed" | "held" | "again" | "rolled-back" | "passed-over";

export interface Decision {
  readonly hash: string;
  readonly verdict: Verdict;
  readonly code: string | null;
  readonly reason: string | null;
  readonly run: string | null;
  readonly config: string | null;
  readonly at: number;
}

/** Whose root it is. */
interface StoreOwner {
  readonly app: string;
  readonly environment: string | null;
}

/**
 * The durable account of all runs. Each method is one transaction and has reached the disk when it returns.
 * Opened and written only by the holder of the lock; read by anyone.
 */
export class RunStore {
  /** How checks went. */
  readonly checks: CheckRecords;
  readonly #db: Database.Database;

  private constructor(db: Database.Database) {
    this.#db = db;
    this.checks = new CheckRecords(db);
  }

  /**
   * Makes one where there is none; `fill` runs in the same transaction. One of an older version is upgraded.
   * @throws ERR_STORE_NEWER, ERR_OTHER_APP; SQLite's error when the file is damaged
   */
  static open(path: string, owner: StoreOwner, fill: (store: RunStore) => void = () => undefined): RunStore {
    const db = new Database(path, { timeout: 5_000 });
    try {
      chmodSync(path, 0o600);
      db.pragma("journal_mode = WAL");
      db.pragma("synchronous = FULL");
      const store = new RunStore(db);
      store.#create(owner, fill);
      store.#checkOwner(owner);
      return store;
    } catch (error) {
      db.close();
      throw error;
    }
  }

  /** As `open`, of one that is whole, every page of it; `undefined` when there is none, or one without tables. */
  static openExisting(path: string, owner: StoreOwner): RunStore | undefined {
    if (!existsSync(path)) return undefined;
    const db = new Database(path, { fileMustExist: true, timeout: 5_000 });
    try {
      // A damaged page would else be met when its table is read, in the middle of a run.
      const answer = db.pragma("quick_check(1)", { simple: true });
      if (answer !== "ok") throw new Database.SqliteError(String(answer), "SQLITE_CORRUPT");
      if (db.pragma("user_version", { simple: true }) === 0) return undefined;
    } finally {
      db.close();
    }
    return RunStore.open(path, owner);
  }

  /** That of a config which cannot be read: whose it is, is not asked. `undefined`: there is none of this version. */
  static openKnown(path: string): RunStore | undefined {
    if (!existsSync(path)) return undefined;
    const store = new RunStore(new Database(path, { fileMustExist: true, timeout: 5_000 }));
    if (store.#version() === STORE_VERSION) return store;
    store.close();
    return undefined;
  }

  /** For commands that only look; `undefined` when there is no store yet. @throws ERR_STORE_NEWER, ERR_OTHER_OWNER */
  static openReadOnly(path: string): RunStore | undefined {
    if (!existsSync(path)) return undefined;
    const db = openedForReading(path);
    try {
      const store = new RunStore(db);
      // One without tables is made by the first run. What an older version has not is empty: only a run upgrades a store.
      if (store.#version() === 0) {
        db.close();
        return undefined;
      }
      store.#refuseNewer();
      return store;
    } catch (error) {
      db.close();
      throw error;
    }
  }

  close(): void {
    this.#db.close();
  }

  beginRun(
    run: Pick<RunRecord, "id" | "kind" | "reason" | "holder" | "plugins" | "previous" | "previousLink" | "startedAt">,
  ): void {
    this.#db
      .prepare(
        "INSERT INTO runs (id, kind, reason, holder, plugins, previous, previous_link, started_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
      )
      .run(
        run.id,
        run.kind,
        run.reason,
        JSON.stringify(run.holder),
        JSON.stringify(run.plugins),
        run.previous,
        run.previousLink,
        run.startedAt,
      );
  }

  enterStage(run: string, stage: StageName): void {
    this.#db.prepare("UPDATE runs SET stage = ? WHERE id = ?").run(stage, run);
  }

  addStep(run: string, step: StepRecord): void {
    this.#db
      .prepare("INSERT INTO steps (run, stage, step, outcome, milliseconds, waited_ms) VALUES (?, ?, ?, ?, ?, ?)")
      .run(run, step.stage, step.step, step.outcome, Math.round(step.milliseconds), Math.round(step.waitedMs));
  }

  addMigrated(run: string, migrated: Readonly<Record<string, readonly string[]>>): void {
    this.#db.prepare("UPDATE runs SET migrated = ? WHERE id = ?").run(JSON.stringify(migrated), run);
  }

  /** Records a release before its directory is made, so that a directory without a record is never ours. */
  addRelease(id: string, revision: Revision, run: string, at: number): ReleaseRecord {
    return this.#db.transaction(() => {
      this.#db
        .prepare("INSERT INTO releases (id, revision, run, status, created_at) VALUES (?, ?, ?, 'making', ?)")
        .run(id, JSON.stringify(revision), run, at);
      this.#db.prepare("UPDATE runs SET release = ?, revision = ? WHERE id = ?").run(id, JSON.stringify(revision), run);
      return this.release(id) as ReleaseRecord;
    })();
  }

  useRelease(run: string, release: ReleaseRecord): void {
    this.#db
      .prepare("UPDATE runs SET release = ?, revision = ? WHERE id = ?")
      .run(release.id, JSON.stringify(release.revision), run);
  }

  /** Takes in a release found on disk while a lost store is rebuilt; whether it was ever current is not known any more. */
  adoptRelease(
    id: string,
    revision: Revision,
    current: boolean,
    at: number,
    { shared = [], status = "successful" }: Partial<Pick<ReleaseRecord, "shared" | "status">> = {},
  ): void {
    this.#db
      .prepare(
        "INSERT INTO releases (id, revision, status, shared, ever_current, created_at, activated_at) VALUES (?, ?, ?, ?, 1, ?, ?)",
      )
      .run(id, JSON.stringify(revision), status, JSON.stringify(shared), at, current ? at : null);
  }

  setShared(release: string, shared: ReleaseRecord["shared"]): void {
    this.#db
      .prepare("UPDATE releases SET shared = ? WHERE id = ?")
      .run(JSON.stringify(shared.map(({ path, kind }) => ({ path, kind }))), release);
  }

  setReleaseStatus(release: string, status: ReleaseStatus): void {
    this.#db.prepare("UPDATE releases SET status = ? WHERE id = ?").run(status, release);
  }

  /** Just before `current` points at it: from here its links are never changed. */
  markCurrent(release: string): void {
    this.#db.prepare("UPDATE releases SET ever_current = 1 WHERE id = ?").run(release);
  }

  /** The commit point of a run: the release is accepted and the decisions are made, or neither. */
  accept(
    run: string,
    release: string,
    at: number,
    decisions: readonly { readonly watched: string; readonly decision: Decision }[],
  ): void {
    this.#db.transaction(() => {
      this.#db.prepare("UPDATE runs SET accepted = 1 WHERE id = ?").run(run);
      this.#db
        .prepare("UPDATE releases SET status = 'successful', ever_current = 1, activated_at = ? WHERE id = ?")
        .run(at, release);
      for (const { watched, decision } of decisions) this.decide(watched, decision);
    })();
  }

  endRun(run: string, result: RunResult, at: number): void {
    this.#db.prepare("UPDATE runs SET ended_at = ?, result = ? WHERE id = ?").run(at, JSON.stringify(result), run);
  }

  decide(watched: string, decision: Decision): void {
    this.#db
      .prepare(
        "INSERT OR REPLACE INTO decisions (watched, hash, verdict, code, reason, run, config, at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
      )
      .run(
        watched,
        decision.hash,
        decision.verdict,
        decision.code,
        decision.reason,
        decision.run,
        decision.config,
        decision.at,
      );
  }

  /** A revision that was deployed and whose release is lost: it counts as new again. */
  forget(hash: string): void {
    this.#db.prepare("DELETE FROM decisions WHERE hash = ? AND verdict = 'deployed'").run(hash);
  }

  decision(watched: string): Decision | undefined {
    return this.#db
      .prepare("SELECT hash, verdict, code, reason, run, config, at FROM decisions WHERE watched = ?")
      .get(watched) as Decision | undefined;
  }

  decisions(): (Decision & { readonly watched: string })[] {
    return this.#db
      .prepare("SELECT watched, hash, verdict, code, reason, run, config, at FROM decisions ORDER BY at DESC")
      .all() as (Decision & {
      watched: string;
    })[];
  }

  /** Runs without an end: the one that holds the lock now, or those that died. */
  openRuns(): RunRecord[] {
    return this.#runs("WHERE ended_at IS NULL ORDER BY sequence");
  }

  history(limit: number): RunRecord[] {
    return this.#runs("ORDER BY sequence DESC LIMIT ?", limit);
  }

  /** How often a run of this revision died before it was accepted. */
  deaths(hash: string): number {
    const row = this.#db
      .prepare(
        "SELECT count(*) AS deaths FROM runs WHERE accepted = 0 AND revision ->> 'hash' = ? AND (result ->> '$.error.code') = 'ERR_KILLED'",
      )
      .get(hash) as { deaths: number };
    return row.deaths;
  }

  /** How often a run of this revision failed with this error. */
  failures(hash: string, code: string): number {
    const row = this.#db
      .prepare(
        "SELECT count(*) AS failures FROM runs WHERE revision ->> 'hash' = ? AND (result ->> '$.error.code') = ?",
      )
      .get(hash, code) as { failures: number };
    return row.failures;
  }

  steps(run: string): StepRecord[] {
    return this.#db
      .prepare(
        "SELECT stage, step, outcome, milliseconds, waited_ms AS waitedMs FROM steps WHERE run = ? ORDER BY rowid",
      )
      .all(run) as StepRecord[];
  }

  release(id: string): ReleaseRecord | undefined {
    return this.#releases("WHERE id = ?", id)[0];
  }

  /** All that are on disk, oldest first. */
  releases(): ReleaseRecord[] {
    return this.#releases("WHERE status <> 'removed' ORDER BY sequence");
  }

  /** What should be served: the release that was accepted last; of a store made anew, the one that was current then. */
  lastAccepted(): ReleaseRecord | undefined {
    const last = "SELECT release FROM runs WHERE accepted = 1 AND release IS NOT NULL ORDER BY sequence DESC LIMIT 1";
    return (
      this.#releases(`WHERE id = (${last})`)[0] ??
      this.#releases("WHERE activated_at IS NOT NULL ORDER BY activated_at DESC, sequence DESC LIMIT 1")[0]
    );
  }

  /** The last run that could not be fully undone, unless a release was accepted after it. */
  notUndone(): RunRecord | undefined {
    return this.#runs(
      "WHERE (result ->> '$.exitCode') = 5 AND sequence > (SELECT coalesce(max(sequence), 0) FROM runs WHERE accepted = 1 AND release IS NOT NULL) ORDER BY sequence DESC LIMIT 1",
    )[0];
  }

  hasReleaseId(id: string): boolean {
    return this.#db.prepare("SELECT 1 FROM releases WHERE id = ?").get(id) !== undefined;
  }

  pluginState(plugin: string): PluginState {
    const db = this.#db;
    return {
      get<T>(key: string, release = ""): T | undefined {
        const row = db
          .prepare("SELECT value FROM plugin_state WHERE plugin = ? AND release = ? AND key = ?")
          .get(plugin, release, key) as { value: string } | undefined;
        return row === undefined ? undefined : (JSON.parse(row.value) as T);
      },
      set(key, value, release = "") {
        db.prepare("INSERT OR REPLACE INTO plugin_state (plugin, release, key, value) VALUES (?, ?, ?, ?)").run(
          plugin,
          release,
          key,
          JSON.stringify(value),
        );
      },
    };
  }

  #create(owner: StoreOwner, fill: (store: RunStore) => void): void {
    this.#db.transaction(() => {
      this.#refuseNewer();
      const version = this.#version();
      if (version === STORE_VERSION) return;
      for (const upgrade of STORE_UPGRADES.slice(version)) this.#db.exec(upgrade);
      this.#db.prepare("INSERT OR IGNORE INTO meta (key, value) VALUES ('owner', ?)").run(JSON.stringify(owner));
      this.#db.pragma(`user_version = ${STORE_VERSION}`);
      if (version === 0) fill(this);
    })();
  }

  #refuseNewer(): void {
    const version = this.#version();
    if (version <= STORE_VERSION) return;
    throw coreError("ERR_STORE_NEWER", {
      message: `The run store ${this.#db.name} has version ${version}; this deployer knows up to ${STORE_VERSION}.`,
      hint: "Update @deployer/cli, or use the version that wrote it.",
    });
  }

  #checkOwner(owner: StoreOwner): void {
    const row = this.#db.prepare("SELECT value FROM meta WHERE key = 'owner'").get() as { value: string };
    const known = JSON.parse(row.value) as typeof owner;
    if (known.app === owner.app && known.environment === owner.environment) return;
    const name = ({ app, environment }: typeof owner): string =>
      environment === null ? app : `${app} (${environment})`;
    throw coreError("ERR_OTHER_APP", {
      message: `This root belongs to ${name(known)}; the config is for ${name(owner)}.`,
      hint: "Give each app and environment a root of its own, or run with the right --config and --env.",
      details: { known, asked: owner },
    });
  }

  #version(): number {
    return this.#db.pragma("user_version", { simple: true }) as number;
  }

  #runs(clause: string, ...values: unknown[]): RunRecord[] {
    const rows = this.#db.prepare(`SELECT * FROM runs ${clause}`).all(...values) as Record<
      string,
      string | number | null
    >[];
    return rows.map((row) => ({
      id: row.id as string,
      kind: row.kind as RunRecord["kind"],
      reason: row.reason as string,
      holder: parse(row.holder),
      plugins: parse(row.plugins),
      revision: parse(row.revision),
      release: row.release as string | null,
      previous: row.previous as string | null,
      previousLink: row.previous_link as string | null,
      stage: row.stage as StageName | null,
      accepted: row.accepted === 1,
      migrated: parse(row.migrated),
      startedAt: row.started_at as number,
      endedAt: row.ended_at as number | null,
      result: parse(row.result),
    }));
  }

  #releases(clause: string, ...values: unknown[]): ReleaseRecord[] {
    const rows = this.#db.prepare(`SELECT * FROM releases ${clause}`).all(...values) as Record<
      string,
      string | number | null
    >[];
    return rows.map((row) => ({
      id: row.id as string,
      sequence: row.sequence as number,
      revision: parse(row.revision),
      run: row.run as string | null,
      status: row.status as ReleaseStatus,
      shared: parse(row.shared),
      everCurrent: row.ever_current === 1,
      createdAt: row.created_at as number,
      activatedAt: row.activated_at as number | null,
    }));
  }
}

function openedForReading(path: string): Database.Database {
  try {
    return new Database(path, { readonly: true, fileMustExist: true, timeout: 5_000 });
  } catch (error) {
    const { uid } = statSync(path);
    if (uid === process.getuid?.()) throw error;
    throw coreError("ERR_OTHER_OWNER", {
      message: `${path} belongs to uid ${uid} and cannot be read by uid ${process.getuid?.()} (${userName()}).`,
      hint: `Run it as its owner: sudo -u '#${uid}' deployer …`,
      cause: error,
    });
  }
}

function parse<T>(text: string | number | null | undefined): T {
  return (text === null || text === undefined ? null : JSON.parse(String(text))) as T;
}
