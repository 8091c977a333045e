import { impliedByKey } from "./implied-unique.ts";
import { type Column, fold, type SchemaModel, type Table, type Trigger, type UniqueRule } from "./schema-model.ts";

/** `breaks`: reads or writes of the release that runs now would fail, or do something else. */
export type Verdict = "safe" | "warn" | "breaks";

/** One difference between two schemas that the release before could notice. */
export interface Finding {
  readonly rule: string;
  readonly verdict: Exclude<Verdict, "safe">;
  /** What it is about: "users.name". */
  readonly object: string;
  /** For a person: what happens to the release before. */
  readonly what: string;
}

interface Change {
  readonly before: SchemaModel;
  readonly after: SchemaModel;
  /** New triggers that a trial has shown to go unnoticed. */
  readonly proven: ReadonlySet<Trigger>;
}

interface Rule {
  readonly name: string;
  readonly verdict: Finding["verdict"];
  /** What an older release notices. */
  readonly why: string;
  /** The objects that it applies to, each as it should be named. */
  objects(change: Change): readonly string[];
}

/** Every rule with its reason; what no rule names is safe. Measured: research/sqlite.md, section 3. */
const RULES: readonly Rule[] = [
  rule("table-gone", "breaks", "its reads and writes of the table fail: no such table", ({ before, after }) =>
    [...before.tables].flatMap(([key, { kind, name }]) =>
      kind === "view" || after.tables.has(key) ? [] : [`table ${name}`],
    ),
  ),
  rule("view-gone", "breaks", "its reads of the view fail", ({ before, after }) =>
    [...before.tables].flatMap(([key, { kind, name }]) =>
      kind !== "view" || after.tables.has(key) ? [] : [`view ${name}`],
    ),
  ),
  rule("kind-changed", "breaks", "a table and a view cannot be written in the same way", (change) =>
    tables(change).flatMap(([old, now]) => (old.kind === now.kind ? [] : [old.name])),
  ),
  rule("column-gone", "breaks", "its reads and writes of the column fail: no such column", (change) =>
    tables(change).flatMap(([old, now]) =>
      old.columns.filter(({ name }) => column(now, name) === undefined).map(({ name }) => `${old.name}.${name}`),
    ),
  ),
  rule("new-required-column", "breaks", "it does not know the column, so its INSERTs fail: NOT NULL", (change) =>
    ordinary(change).flatMap(([old, now]) =>
      now.columns.filter((it) => isNew(old, it) && isRequired(it)).map(({ name }) => `${old.name}.${name}`),
    ),
  ),
  rule(
    "column-now-required",
    "breaks",
    "it may write NULL, as Drizzle does for what is left out: NOT NULL fails",
    (change) => columns(change, (old, now) => !old.notNull && now.notNull && now.generated === undefined),
  ),
  rule("column-now-nullable", "warn", "it may read NULL once the new release writes it", (change) =>
    columns(change, (old, now) => old.notNull && !now.notNull && now.key === 0),
  ),
  rule("affinity-changed", "breaks", "values are converted or refused: '12' becomes 12", (change) =>
    columns(change, (old, now) => affinity(old) !== affinity(now) && !isBlob(old) && !isBlob(now)),
  ),
  rule("affinity-blob", "warn", "values are kept in another form", (change) =>
    columns(change, (old, now) => affinity(old) !== affinity(now) && (isBlob(old) || isBlob(now))),
  ),
  rule("collation-changed", "warn", "text is compared and sorted in another way", (change) =>
    columns(change, (old, now) => old.collation !== now.collation),
  ),
  rule(
    "default-changed",
    "warn",
    "the database fills the column with something else (Drizzle sends its own default)",
    (change) => columns(change, (old, now) => old.default !== now.default && now.generated === undefined),
  ),
  rule("now-generated", "breaks", "its writes fail: a generated column cannot be written", (change) =>
    columns(change, (old, now) => old.generated === undefined && now.generated !== undefined),
  ),
  rule("no-longer-generated", "breaks", "it writes nothing there, so what it reads is NULL", (change) =>
    columns(change, (old, now) => old.generated !== undefined && now.generated === undefined),
  ),
  rule("new-unique", "breaks", "its writes may fail: UNIQUE", (change) =>
    ordinary(change).flatMap(([old, now]) =>
      now.uniques.filter((it) => !impliedByKey(old, it) && restrictsOld(old, now, it)).map((it) => uniqueName(now, it)),
    ),
  ),
  rule("unique-gone", "breaks", "its ON CONFLICT fails: no such constraint", (change) =>
    ordinary(change).flatMap(([old, now]) =>
      old.uniques.filter((it) => !hasUnique(now, it) && !isRowidKey(now, it)).map((it) => uniqueName(old, it)),
    ),
  ),
  rule("new-check", "breaks", "its writes may fail: CHECK", (change) =>
    ordinary(change).flatMap(([old, now]) =>
      now.checks
        .filter((text) => !old.checks.includes(text) && mentionsOld(old, text))
        .map((text) => `${old.name}: CHECK ${text}`),
    ),
  ),
  rule("new-foreign-key", "breaks", "its writes may fail: FOREIGN KEY", (change) =>
    ordinary(change).flatMap(([old, now]) =>
      [...now.foreignKeys]
        .filter(([key, { columns: from }]) => !old.foreignKeys.has(key) && from.some((name) => column(old, name)))
        .map(([key]) => `${old.name}: ${key}`),
    ),
  ),
  rule("foreign-key-changed", "warn", "rows that it relies on being kept or deleted are not", (change) =>
    ordinary(change).flatMap(([old, now]) =>
      [...old.foreignKeys]
        .filter(([key, { actions }]) => now.foreignKeys.get(key)?.actions !== actions)
        .map(([key]) => `${old.name}: ${key}`),
    ),
  ),
  rule("index-gone", "warn", "its queries may become slow, and INDEXED BY fails", (change) =>
    tables(change).flatMap(([old, now]) =>
      old.indexes
        .filter((name) => ![...now.indexes, ...now.uniques.map((it) => it.name)].includes(name))
        .map((name) => `index ${name} on ${old.name}`),
    ),
  ),
  rule("key-changed", "breaks", "its INSERTs may fail: another primary key, or one without rowid", (change) =>
    ordinary(change).flatMap(([old, now]) =>
      keyText(old) === keyText(now) && old.withoutRowid === now.withoutRowid ? [] : [`primary key of ${old.name}`],
    ),
  ),
  rule("now-strict", "breaks", "values of another type are refused", (change) =>
    ordinary(change).flatMap(([old, now]) => (now.strict && !old.strict ? [old.name] : [])),
  ),
  rule("autoincrement-gone", "warn", "ids of deleted rows may be given again", (change) =>
    ordinary(change).flatMap(([old, now]) => (old.autoincrement && !now.autoincrement ? [old.name] : [])),
  ),
  rule(
    "columns-reordered",
    "warn",
    "INSERT without column names and SELECT * by position mean other columns",
    (change) => tables(change).flatMap(([old, now]) => (isReordered(old, now) ? [old.name] : [])),
  ),
  rule("view-changed", "warn", "it reads other rows or values from the view", (change) =>
    tables(change).flatMap(([old, now]) => (old.kind !== "table" && old.text !== now.text ? [old.name] : [])),
  ),
  rule(
    "trigger-gone",
    "breaks",
    "its writes no longer do what the trigger did (a rebuild drops triggers in silence)",
    ({ before, after }) =>
      [...before.triggers].flatMap(([key, old]) =>
        after.triggers.has(key) || tableGone(after, old) ? [] : [triggerName(old)],
      ),
  ),
  rule("trigger-changed", "breaks", "its writes do something else", ({ before, after }) =>
    [...before.triggers].flatMap(([key, old]) =>
      [undefined, old.text].includes(after.triggers.get(key)?.text) ? [] : [triggerName(old)],
    ),
  ),
  rule(
    "new-trigger",
    "breaks",
    "its writes do more than it knows, or are refused by RAISE",
    ({ before, after, proven }) =>
      [...after.triggers].flatMap(([key, now]) =>
        before.triggers.has(key) || proven.has(now) || !before.tables.has(fold(now.table)) ? [] : [triggerName(now)],
      ),
  ),
];

/** What the release before would notice of a change of schema. */
export function compareSchemas(
  before: SchemaModel,
  after: SchemaModel,
  proven: ReadonlySet<Trigger> = new Set(),
): Finding[] {
  return RULES.flatMap(({ name, verdict, why, objects }) =>
    objects({ before, after, proven }).map((object) => ({ rule: name, verdict, object, what: why })),
  );
}

export function worst(findings: readonly { readonly verdict: Verdict }[]): Verdict {
  if (findings.some(({ verdict }) => verdict === "breaks")) return "breaks";
  return findings.some(({ verdict }) => verdict === "warn") ? "warn" : "safe";
}

function rule(name: string, verdict: Rule["verdict"], why: string, objects: Rule["objects"]): Rule {
  return { name, verdict, why, objects };
}

/** Tables and views that are in both. */
function tables({ before, after }: Change): [old: Table, now: Table][] {
  return [...before.tables].flatMap(([key, old]): [Table, Table][] => {
    const now = after.tables.get(key);
    return now === undefined ? [] : [[old, now]];
  });
}

function ordinary(change: Change): [old: Table, now: Table][] {
  return tables(change).filter(([old, now]) => old.kind === "table" && now.kind === "table");
}

function columns(change: Change, applies: (old: Column, now: Column) => boolean): string[] {
  return ordinary(change).flatMap(([old, now]) =>
    old.columns
      .filter((it) => {
        const other = column(now, it.name);
        return other !== undefined && applies(it, other);
      })
      .map(({ name }) => `${old.name}.${name}`),
  );
}

function column(table: Table, name: string): Column | undefined {
  return table.columns.find((it) => fold(it.name) === fold(name));
}

function isNew(old: Table, { name }: Column): boolean {
  return column(old, name) === undefined;
}

function isRequired({ notNull, generated, default: value }: Column): boolean {
  return notNull && generated === undefined && (value === null || value.toUpperCase() === "NULL");
}

/** SQLite's own rules, in its order. */
function affinity({ type }: Column): "INTEGER" | "TEXT" | "BLOB" | "REAL" | "NUMERIC" {
  if (type.includes("INT")) return "INTEGER";
  if (/CHAR|CLOB|TEXT/.test(type)) return "TEXT";
  if (type === "" || type.includes("BLOB")) return "BLOB";
  return /REAL|FLOA|DOUB/.test(type) ? "REAL" : "NUMERIC";
}

function isBlob(it: Column): boolean {
  return affinity(it) === "BLOB";
}

function hasUnique(table: Table, { text }: UniqueRule): boolean {
  return table.uniques.some((it) => it.text === text);
}

/** INTEGER PRIMARY KEY is the row's own number: no index stands for it. */
function isRowidKey(table: Table, { columns: names }: UniqueRule): boolean {
  return keyText(table) === names.map(fold).join(", ");
}

// With a column that the old release never fills each of its rows has a NULL there, and NULLs are never equal.
function restrictsOld(old: Table, now: Table, { columns: names, text }: UniqueRule): boolean {
  if (keyText(now) === names.map(fold).join(", ") && keyText(old) === keyText(now)) return false;
  const fresh = names.map((name) => column(now, name)).filter((it) => it !== undefined && isNew(old, it));
  const isPlain = text === names.map(fold).sort().join(", ");
  return !(isPlain && fresh.some((it) => !it!.notNull && it!.default === null && it!.generated === undefined));
}

function mentionsOld(old: Table, text: string): boolean {
  const words = new Set(text.toLowerCase().split(" "));
  return old.columns.some(({ name }) => words.has(fold(name)));
}

function uniqueName(table: Table, { name, columns: names }: UniqueRule): string {
  const label = name.startsWith("sqlite_autoindex_") ? "UNIQUE" : name;
  return `${label} on ${table.name} (${names.join(", ")})`;
}

function keyText(table: Table): string {
  return table.columns
    .filter(({ key }) => key > 0)
    .sort((a, b) => a.key - b.key)
    .map(({ name }) => fold(name))
    .join(", ");
}

function isReordered(old: Table, now: Table): boolean {
  const kept = (table: Table, other: Table): string[] =>
    table.columns.filter(({ name }) => column(other, name) !== undefined).map(({ name }) => fold(name));
  return kept(old, now).join() !== kept(now, old).join();
}

// The loss of the table says it already.
function tableGone(after: SchemaModel, { table }: Trigger): boolean {
  return !after.tables.has(fold(table));
}

function triggerName({ name, table }: Trigger): string {
  return `trigger ${name} on ${table}`;
}
