import type { Context } from "@deployer/core";
import Database from "better-sqlite3";
import { drizzleError } from "./errors.ts";
import type { HeldProblem } from "./held-failure.ts";
import type { HeldEnding } from "./held-phase.ts";
import type { JournalDatabase } from "./journal.ts";
import { openError } from "./live-database.ts";
import { migrationError } from "./migration-error.ts";

/** What a person is told of a held phase that ended before its end. */
export function heldError(
  ending: Exclude<HeldEnding, { outcome: "done" } | { outcome: "interrupted" }>,
  databases: readonly JournalDatabase[],
  redact: Context["redact"],
): Error {
  if (ending.outcome === "too-long") return tooLong(ending.limitMs, databases);
  if (ending.outcome === "endless") return endless(ending.limitMs, databases);
  if (ending.outcome === "died") return died(ending, redact);
  const database = databases.find(({ name }) => name === ending.database);
  return problemError(database ?? { name: ending.database, path: "?" }, ending.problem, redact);
}

type Named = Pick<JournalDatabase, "name" | "path">;

function problemError(database: Named, problem: HeldProblem, redact: Context["redact"]): Error {
  const { name, path } = database;
  const details = { database: name, file: path };
  switch (problem.kind) {
    case "busy":
      return drizzleError("ERR_DATABASE_BUSY", {
        message: `Another process kept the database "${name}" (${path}) locked for ${problem.patienceMs / 1000} s. Nothing was changed.`,
        hint: `Find it with \`fuser ${path}\`, and deploy again when it has finished. A check tries again after 10 and after 60 minutes.`,
        details: { ...details, patienceMs: problem.patienceMs },
        mayPass: true,
      });
    case "open":
      return openError(database, sqliteError(problem.problem.reason, problem.problem.sqlite));
    case "changed":
      return drizzleError("ERR_DATABASE_CHANGED", {
        message: `The database "${name}" (${path}) changed since the run looked at it: ${problem.changed.join(", ")}. Nothing was changed by the run.`,
        hint: "Find out who migrates it besides the deployer, then deploy again.",
        details: { ...details, changed: problem.changed },
      });
    case "migration":
      return migrationError(database, problem.problem, "the live data", redact);
    case "snapshot":
      return drizzleError("ERR_SNAPSHOT_FAILED", {
        message: `No snapshot of "${name}" (${path}) could be made: ${redact(problem.reason)}. Nothing was changed.`,
        hint: "See that there is room for a copy of the databases, in `.deployer/snapshots` and beside each database.",
        details,
      });
    case "journal":
      return drizzleError("ERR_SNAPSHOT_FAILED", {
        message: `The journal with which the migrations of "${name}" survive a crash could not be written: ${redact(problem.reason)}. Nothing was changed.`,
        hint: "See that there is room in `.deployer`.",
        details,
      });
    case "make":
      return drizzleError("ERR_DATABASE_READ_ONLY", {
        message: `The new database "${name}" could not be made at ${path}: ${problem.reason}. Nothing was changed.`,
        hint: "Run the deployer as the user that runs the app, and see that its directory can be written and has room.",
        details,
      });
    case "place":
      return drizzleError("ERR_DATABASE_CHANGED", {
        message: `The new database "${name}" could not be put in place at ${path}: ${problem.reason}. Nothing was changed.`,
        hint: "If a file has come there meanwhile, look at who made it. Then deploy again.",
        details: { ...details, changed: ["the file itself"] },
      });
    case "incomplete":
      return drizzleError("ERR_MIGRATION_INCOMPLETE", {
        message: `"${name}" (${path}) could not be committed: ${redact(problem.reason)}. Migrated: ${problem.committed.join(", ")}; that database and those after it are as before.`,
        hint: "Free the disk or whatever the message names, then run `deployer check`: the next run applies the rest first.",
        details: { migrated: problem.committed, failed: name },
      });
    case "unverified":
      return drizzleError("ERR_MIGRATION_INCOMPLETE", {
        message: `"${name}" (${path}) was committed, but ${problem.reason}.`,
        hint: "Find out who migrates it besides the deployer. The snapshot of before is told by `deployer db snapshots`.",
        details: { migrated: [], failed: name },
      });
  }
}

function tooLong(limitMs: number, databases: readonly JournalDatabase[]): Error {
  return drizzleError("ERR_LOCK_TOO_LONG", {
    message: `The migrations of ${databases.map(({ name }) => `"${name}"`).join(", ")} were ended after ${limitMs} ms under the lock, and every database is as it was: the app's writers would have waited for too long.`,
    hint: "If the machine was busy, deploy again; a check does so after 10 and after 60 minutes. Else make the migration smaller, or raise `maxLockMs` of the drizzle plugin, or set `maintenance: true` for this deployment.",
    details: { limitMs },
    mayPass: true, // on the copy it was fast enough
  });
}

function endless(limitMs: number, databases: readonly JournalDatabase[]): Error {
  const names = databases.map(({ name }) => name);
  return drizzleError("ERR_MIGRATION_ENDLESS", {
    message: `The setup module, or making a new database, did not end within ${limitMs / 60_000} minutes, for ${names.join(", ")}. Nothing was locked, and every database is as it was.`,
    hint: "It ended on the copies: look at what it does otherwise with the live files. Correct it and push again.",
    details: { limitMs, databases: names },
  });
}

function died({ how, killed }: { readonly how: string; readonly killed: boolean }, redact: Context["redact"]): Error {
  return drizzleError("ERR_MIGRATION_DIED", {
    message: `The process that migrates the databases ended before its end: ${redact(how)}. Every database is as it was.`,
    hint: killed
      ? "A kill may mean that memory ran out: look at the kernel's log (`dmesg`). A check tries again after 10 and after 60 minutes."
      : "Look at what it said, then deploy again.",
    details: { how: redact(how) },
    mayPass: killed, // memory may be free again
  });
}

function sqliteError(reason: string, code: string | undefined): Error {
  return code === undefined ? new Error(reason) : new Database.SqliteError(reason, code);
}
