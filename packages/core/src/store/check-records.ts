import type Database from "better-sqlite3";
import type { Outcome } from "../lifecycle/result.ts";

/** How the last check ended. */
export interface LastCheck {
  readonly at: number;
  readonly outcome: Outcome;
  readonly exitCode: number;
  readonly code: string | null;
  readonly message: string | null;
}

/** Checks that failed for the same thing, one after another. */
export interface Outage {
  readonly code: string;
  /** What the last of them said. */
  readonly message: string;
  readonly exitCode: number;
  readonly checks: number;
  readonly beganAt: number;
  readonly lastAt: number;
  /** When a check got past it; `null` while it lasts. */
  readonly endedAt: number | null;
}

export interface OutageRecord extends Outage {
  readonly sequence: number;
  /** How often a quiet check told it, and when last. */
  readonly tellings: number;
  readonly toldAt: number;
}

const KEPT = 200;
const COLUMNS =
  "sequence, code, message, exit_code AS exitCode, checks, began_at AS beganAt, last_at AS lastAt, ended_at AS endedAt, tellings, told_at AS toldAt";

/** The part of the run store that knows how checks went. A check with nothing to do writes one row of `meta`. */
export class CheckRecords {
  readonly #db: Database.Database;

  constructor(db: Database.Database) {
    this.#db = db;
  }

  /** All that `work` writes, or nothing of it. */
  together<Result>(work: () => Result): Result {
    return this.#db.transaction(work).immediate();
  }

  setLast(check: LastCheck): void {
    this.#db.prepare("INSERT OR REPLACE INTO meta (key, value) VALUES ('last-check', ?)").run(JSON.stringify(check));
  }

  last(): LastCheck | undefined {
    const row = this.#db.prepare("SELECT value FROM meta WHERE key = 'last-check'").get() as
      | { value: string }
      | undefined;
    return row === undefined ? undefined : (JSON.parse(row.value) as LastCheck);
  }

  /** Counts a check to the outage of the same code and gist that lasts; without one, it begins here. */
  fail(
    check: { readonly code: string; readonly gist: string; readonly message: string; readonly exitCode: number },
    at: number,
  ): OutageRecord {
    const { code, gist, message, exitCode } = check;
    const lasting = this.#db
      .prepare("SELECT sequence FROM outages WHERE ended_at IS NULL AND code = ? AND gist = ?")
      .get(code, gist) as { sequence: number } | undefined;
    if (lasting === undefined) {
      this.#db
        .prepare(
          "INSERT INTO outages (code, gist, message, exit_code, checks, began_at, last_at, tellings, told_at) VALUES (?, ?, ?, ?, 1, ?, ?, 0, ?)",
        )
        .run(code, gist, message, exitCode, at, at, at);
      this.#db
        .prepare(
          "DELETE FROM outages WHERE ended_at IS NOT NULL AND sequence <= (SELECT max(sequence) FROM outages) - ?",
        )
        .run(KEPT);
      return this.#outages("ORDER BY sequence DESC LIMIT 1")[0] as OutageRecord;
    }
    this.#db
      .prepare("UPDATE outages SET checks = checks + 1, last_at = ?, message = ? WHERE sequence = ?")
      .run(at, message, lasting.sequence);
    return this.#outages("WHERE sequence = ?", lasting.sequence)[0] as OutageRecord;
  }

  markTold(sequence: number, at: number): void {
    this.#db.prepare("UPDATE outages SET tellings = tellings + 1, told_at = ? WHERE sequence = ?").run(at, sequence);
  }

  /** Ends all that last, and answers them. */
  endAll(at: number): OutageRecord[] {
    const ended = this.lasting();
    if (ended.length > 0) this.#db.prepare("UPDATE outages SET ended_at = ? WHERE ended_at IS NULL").run(at);
    return ended.map((outage) => ({ ...outage, endedAt: at }));
  }

  /** Those that a quiet check told and whose end it did not tell yet; from here on it did. */
  takeUntoldEnds(): OutageRecord[] {
    const where = "WHERE ended_at IS NOT NULL AND tellings > 0 AND end_told = 0";
    const untold = this.#outages(`${where} ORDER BY sequence`);
    if (untold.length > 0) this.#db.exec(`UPDATE outages SET end_told = 1 ${where}`);
    return untold;
  }

  lasting(): OutageRecord[] {
    return this.#outages("WHERE ended_at IS NULL ORDER BY sequence");
  }

  /** The newest ones, newest first. */
  outages(limit: number): OutageRecord[] {
    return this.#outages("ORDER BY sequence DESC LIMIT ?", limit);
  }

  #outages(clause: string, ...values: unknown[]): OutageRecord[] {
    if (!this.#hasOutages()) return [];
    return this.#db.prepare(`SELECT ${COLUMNS} FROM outages ${clause}`).all(...values) as OutageRecord[];
  }

  // A store of version 1 that is only looked at is not upgraded.
  #hasOutages(): boolean {
    return (this.#db.pragma("user_version", { simple: true }) as number) > 1;
  }
}
