import type { Context, DeployError } from "@deployer/core";
import type { MigrationProblem } from "./apply.ts";
import { MOST_MEBIBYTES } from "./clone.ts";
import type { AppDatabase } from "./databases.ts";
import { drizzleError } from "./errors.ts";

const LONGEST_STATEMENT = 400;

/** Where migrations ran. */
export type Place = "its schema in memory" | "an empty database" | "a copy" | "the live data";

/** Tells a failed migration with database, file, statement and SQLite's code. No live database was changed. */
export function migrationError(
  { name, path }: Pick<AppDatabase, "name" | "path">,
  problem: MigrationProblem,
  on: Place,
  redact: Context["redact"],
  cause?: unknown,
): DeployError {
  const statement = problem.statement === undefined ? undefined : shorten(redact(problem.statement));
  const where = statement === undefined ? "" : ` at statement ${problem.number} of ${problem.migration}`;
  const code = problem.sqlite === undefined ? "" : ` (${problem.sqlite})`;
  return drizzleError("ERR_MIGRATION_FAILED", {
    message: `The migrations of "${name}" (${path}) failed on ${on}${where}: ${redact(problem.reason)}${code}.${statement === undefined ? "" : `\n${statement}`}`,
    hint: hintFor(problem, on),
    details: { ...problem, reason: redact(problem.reason), statement, database: name, file: path, on },
    cause,
  });
}

function hintFor({ sqlite, reason }: MigrationProblem, on: Place): string {
  if (sqlite === "SQLITE_FULL" && on === "its schema in memory")
    return `Every live database is as it was. On a few rows of each table the migrations make more than ${MOST_MEBIBYTES} MiB: look for a loop in that statement, correct it and push again.`;
  if (/^SQLITE_(FULL|IOERR)/.test(sqlite ?? ""))
    return "Every live database is as it was. Free some space on the disk, or look at its health.";
  if (/already exists|duplicate column name/.test(reason)) {
    return "Every live database is as it was. If its tables were made without migrations (drizzle-kit push), record these as applied: `deployer db baseline`, then `deployer deploy`.";
  }
  const why =
    on === "the live data"
      ? " The rehearsal passed, so the data changed since: look at the rows that the message names."
      : "";
  return `Every live database is as it was.${why} Correct the migration and push again.`;
}

function shorten(statement: string): string {
  return statement.length <= LONGEST_STATEMENT ? statement : `${statement.slice(0, LONGEST_STATEMENT)} …`;
}
