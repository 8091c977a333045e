import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** What a real drizzle-kit generated; scripts/drizzle-kit-fixtures.ts made it. */
export type Kit = "0.31" | "1.0";

/** The schema and the rows of its own table that a drizzle's own migrator leaves. */
export interface DrizzleDatabase {
  readonly schema: readonly string[];
  readonly rows: readonly Readonly<Record<string, unknown>>[];
}

/** One migration for each way in which a schema changes, in their order. */
export const STEPS = ["init", "add", "rename", "drop", "rebuild", "unique", "foreign_key", "custom"] as const;
export type Step = (typeof STEPS)[number];

const ACKNOWLEDGED = "-- deployer: breaks the previous release\n";

/** Writes the migrations folder as it was after `last`; those of `acknowledged` have the line that lets them pass. */
export function writeKitMigrations(folder: string, kit: Kit, last: Step, acknowledged: readonly Step[] = []): void {
  const source = join(import.meta.dirname, "drizzle-kit", kit, "drizzle");
  const count = STEPS.indexOf(last) + 1;
  const names = migrationNames(kit).slice(0, count);
  mkdirSync(folder, { recursive: true });
  for (const name of names)
    cpSync(join(source, fileOf(kit, name)), join(folder, fileOf(kit, name)), { recursive: true });
  for (const step of acknowledged.filter((each) => STEPS.indexOf(each) < count)) {
    const name = names[STEPS.indexOf(step)]!;
    const file = join(folder, kit === "1.0" ? join(name, "migration.sql") : fileOf(kit, name));
    writeFileSync(file, ACKNOWLEDGED + readFileSync(file, "utf8"));
  }
  if (kit === "1.0") return;
  const journal = readJournal(source);
  mkdirSync(join(folder, "meta"), { recursive: true });
  const entries = journal.entries.slice(0, count);
  writeFileSync(join(folder, "meta", "_journal.json"), JSON.stringify({ ...journal, entries }));
}

/** As drizzle-kit named them. */
export function migrationNames(kit: Kit): string[] {
  const folder = join(import.meta.dirname, "drizzle-kit", kit, "drizzle");
  return kit === "1.0" ? readdirSync(folder).sort() : readJournal(folder).entries.map(({ tag }) => tag);
}

/** What drizzle's own migrator of that version made of all of them. */
export function madeByDrizzle(kit: Kit): DrizzleDatabase {
  const file = join(import.meta.dirname, "drizzle-kit", kit, "database.json");
  return JSON.parse(readFileSync(file, "utf8")) as DrizzleDatabase;
}

function readJournal(folder: string): { readonly entries: readonly { readonly tag: string }[] } {
  return JSON.parse(readFileSync(join(folder, "meta", "_journal.json"), "utf8"));
}

function fileOf(kit: Kit, name: string): string {
  return kit === "1.0" ? name : `${name}.sql`;
}
