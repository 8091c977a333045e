import type { Database } from "better-sqlite3";
import { createMigrationsTable } from "./applied.ts";
import { MigrationFailure, type OnStatement, type PendingMigration, runStatement, type StatementAt } from "./apply.ts";
import { cloneIntoMemory } from "./clone.ts";
import { compareSchemas, type Finding, type Verdict, worst } from "./compatibility-rules.ts";
import { probe } from "./probes.ts";
import { provenTriggers } from "./proven-triggers.ts";
import { type ModelCache, readModel, type SchemaModel } from "./schema-model.ts";

/** A finding and the statement that brings it about. */
export interface PlacedFinding extends Finding, StatementAt {
  readonly acknowledged: boolean;
}

export interface MemoryRehearsal {
  /** What the release before would notice of all of them together. */
  readonly findings: readonly PlacedFinding[];
  /** Each migration beside what was before it, in the order given. */
  readonly verdicts: readonly Verdict[];
}

/**
 * Runs pending migrations on the schema in memory, before minutes are spent on a build.
 * @throws MigrationFailure, and SQLite's own error when the schema cannot be cloned
 */
export function rehearseInMemory(
  source: Database | undefined,
  pending: readonly PendingMigration[],
  setup: (db: Database) => void = () => undefined,
  onStatement: OnStatement = () => undefined,
): MemoryRehearsal {
  const open: Opener = (rows) => disposable(cloneIntoMemory(source, rows, setup));
  const run = (db: Database, at: StatementAt): void => {
    onStatement(at);
    runStatement(db, at);
  };
  try {
    return rehearse(open, pending, "samples", run);
  } catch (error) {
    if (!isAboutRows(error)) throw error;
    // Five rows of each table may lack what the whole has, as the parents of their children: the copy decides that.
    return rehearse(open, pending, "none", run);
  }
}

type Rows = "samples" | "none";
type Opener = (rows: Rows) => ReturnType<typeof disposable>;
type Runner = (db: Database, at: StatementAt) => void;

function rehearse(open: Opener, pending: readonly PendingMigration[], rows: Rows, run: Runner): MemoryRehearsal {
  using clone = open(rows);
  const cache: ModelCache = new Map();
  const before = readModel(clone.db, cache);
  const verdicts: Verdict[] = [];
  clone.db.prepare("BEGIN").run();
  createMigrationsTable(clone.db, pending[0]?.allNames);
  let model = before;
  for (const migration of pending) {
    for (const at of statements(migration)) run(clone.db, at);
    const next = readModel(clone.db, cache);
    verdicts.push(worst(findingsOf(model, next, clone.db, rows)));
    model = next;
  }
  const findings = findingsOf(before, model, clone.db, rows);
  return { verdicts, findings: findings.length === 0 ? [] : placed(findings, open, pending, rows, run) };
}

function findingsOf(before: SchemaModel, after: SchemaModel, db: Database, rows: Rows): Finding[] {
  // Without rows it is not known whether a new index has them.
  const found = compareSchemas(before, after, rows === "samples" ? provenTriggers(before, after, db) : new Set());
  return [...found, ...probe(before, db, found)];
}

/** Runs them once more, to see after which statement each finding is there to stay. */
function placed(
  findings: readonly Finding[],
  open: Opener,
  pending: readonly PendingMigration[],
  rows: Rows,
  run: Runner,
): PlacedFinding[] {
  using clone = open(rows);
  const cache: ModelCache = new Map();
  const before = readModel(clone.db, cache);
  const since = new Map<string, Omit<PlacedFinding, keyof Finding>>();
  clone.db.prepare("BEGIN").run();
  createMigrationsTable(clone.db, pending[0]?.allNames);
  for (const migration of pending) {
    for (const at of statements(migration)) {
      run(clone.db, at);
      const present = new Set(findingsOf(before, readModel(clone.db, cache), clone.db, rows).map(key));
      for (const known of since.keys()) if (!present.has(known)) since.delete(known);
      for (const found of present) {
        if (!since.has(found)) since.set(found, { ...at, acknowledged: migration.acknowledged === true });
      }
    }
  }
  return findings.map((finding) => ({ ...finding, ...since.get(key(finding))! }));
}

function* statements({ tag, statements }: PendingMigration): Generator<StatementAt> {
  for (const [index, { sql, skip }] of statements.entries()) {
    if (!skip) yield { migration: tag, number: index + 1, statement: sql };
  }
}

function key({ rule, object }: Finding): string {
  return `${rule} ${object}`;
}

function isAboutRows(error: unknown): boolean {
  return error instanceof MigrationFailure && (error.problem.sqlite ?? "").startsWith("SQLITE_CONSTRAINT");
}

function disposable(db: Database): Disposable & { readonly db: Database } {
  return { db, [Symbol.dispose]: () => void db.close() };
}
