import { DeployError, type ErrorMessage, EXIT } from "@deployer/core";

/** Every error of this plugin. The headings of docs/errors.md are made from it. */
export const drizzleErrors = {
  ERR_DATABASE_NOT_SHARED: {
    exit: "unfit",
    about: "A database lies under no shared path, so it would be lost with its release. Add its directory to `shared`.",
  },
  ERR_DATABASE_ENV_MISSING: {
    exit: "unfit",
    about:
      "Migrations are pending on a database that is named by an absolute path without `env`: build and trial could not be given a copy. Name the variable by which the app finds it.",
  },
  ERR_MIGRATIONS_SHARED: {
    exit: "unfit",
    about:
      "A migrations folder lies under a shared path. Migrations belong to the release: keep them in the repository.",
  },
  ERR_MIGRATIONS_FOLDER: {
    exit: "undone",
    about:
      "A migrations folder of the release is missing, incomplete or of a kind that is not supported. Those of drizzle-kit up to 0.31 (`meta/_journal.json`) and of 1.0 (`*/migration.sql`) are.",
  },
  ERR_MIGRATION_EDITED: {
    exit: "undone",
    about:
      "A migration that is applied has another text in this release. Restore the file and write a new migration instead.",
  },
  ERR_MIGRATION_OUT_OF_ORDER: {
    exit: "undone",
    about:
      "A pending migration is older than the newest applied one, mostly after a merge of branches. Drizzle's own migrator would skip it in silence. Generate it again.",
  },
  ERR_MIGRATION_STATEMENT: {
    exit: "undone",
    about:
      "A pending migration has a statement that cannot run inside the one transaction of all databases: transaction control (except the pairs that switch foreign keys off and on around a rebuild, which are skipped), VACUUM, ATTACH, or a PRAGMA other than foreign_keys, defer_foreign_keys, user_version, application_id and optimize.",
  },
  ERR_MIGRATION_FAILED: {
    exit: "undone",
    about:
      "A statement of a pending migration failed, on a copy or on the live data. Every live database is as it was before.",
  },
  ERR_MIGRATION_ENDLESS: {
    exit: "undone",
    about:
      "A statement of a migration, or the setup module, did not end in time: 60 seconds on the schema in memory, and on a copy as long as `maxLockMs` if that is longer (an hour with `maintenance`), ten minutes for a new database. The message names it. No live database was touched.",
  },
  ERR_MIGRATION_BREAKS: {
    exit: "undone",
    about:
      "A pending migration would break reads or writes of the release that is served until the new one is. Add first and remove in a later deployment; a migration file with the line `-- deployer: breaks the previous release` passes, and makes the way back one that only a person can go.",
  },
  ERR_MIGRATION_INCOMPLETE: {
    exit: "notUndone",
    about:
      "A database could not be committed after another one had been. Each database is whole, either migrated or not; the message names which. The next run applies the rest first.",
  },
  ERR_MIGRATION_DIED: {
    exit: "undone",
    about:
      "The process that migrates the databases, or tries their migrations, was killed or crashed before it committed. Every database is as it was before. After a kill, as by a machine that ran out of memory, the revision is tried again after 10 and 60 minutes.",
  },
  ERR_MIGRATION_JOURNAL: {
    exit: "notUndone",
    about:
      "A migration was interrupted, and its journal in `.deployer/migrations` cannot be followed: it is torn, of another version, or names a database that is not there. Nothing was touched; the message says what to do.",
  },
  ERR_LOCK_TOO_LONG: {
    exit: "undone",
    about:
      "The migrations would keep, or kept, the databases locked for longer than `maxLockMs` allows. Nothing was changed. Make the migration smaller, raise `maxLockMs`, or deploy with `maintenance: true`.",
  },
  ERR_SNAPSHOT_FAILED: {
    exit: "undone",
    about:
      "The databases could not be copied to `.deployer/snapshots`, or the reserve beside a database or the journal could not be written, mostly because the disk is full. Nothing was changed.",
  },
  ERR_UNDO_IMPOSSIBLE: {
    exit: "unfit",
    about:
      "`deployer db undo` cannot bring the schema of before back: a table or column of it is gone or renamed, the schema changed since, today's rows do not fit into it, or the snapshot is no longer kept. Nothing was changed.",
  },
  ERR_ROWS_WOULD_BE_LOST: {
    exit: "unfit",
    about:
      "`deployer db undo` would delete rows or values that were written into the migration's own tables and columns; the message counts them. Nothing was changed. Say `--lose-rows` to give them up.",
  },
  ERR_RELEASE_NEEDS_SCHEMA: {
    exit: "unfit",
    about:
      "The release that is served would not work with the schema of before, to which `deployer db undo` or `db restore` was to return. Nothing was changed. Roll back first.",
  },
  ERR_NO_SNAPSHOT: {
    exit: "unfit",
    about: "There is no such snapshot to restore. The newest three are kept.",
  },
  ERR_WRITES_WOULD_BE_LOST: {
    exit: "unfit",
    about:
      "The app has written since the migration, or that cannot be told, and `deployer db restore` would lose it. Use `deployer db undo`, which keeps what has a place in the older schema, or say `--lose-writes`.",
  },
  ERR_RESTORE_FAILED: {
    exit: "notUndone",
    about: "A snapshot could not be put into its live file. That file is as it was; other databases may be restored.",
  },
  ERR_SELF_MIGRATED: {
    exit: "undone",
    about:
      "The build or the trial changed the schema of a copy by itself. On the live database that would have happened outside the one transaction. Give the change to this plugin as a migration.",
  },
  ERR_DATABASE_AHEAD: {
    exit: "undone",
    about:
      "A database has migrations that the release does not know, and this deployer did not commit them, or they broke the release before. Those that it committed itself and judged safe may stay.",
  },
  ERR_DATABASE_MISSING: {
    exit: "unfit",
    about:
      "A database that an earlier run has seen is not there. It is not made anew: perhaps a volume is not mounted.",
  },
  ERR_DATABASE_EMPTY: {
    exit: "unfit",
    about:
      "A database file has no bytes. SQLite would take it for a new database. Restore it, or remove it to have it made anew.",
  },
  ERR_DATABASE_DAMAGED: {
    exit: "unfit",
    about: "A file is no SQLite database, or SQLite finds it damaged. Restore it from a backup.",
  },
  ERR_DATABASE_UNREADABLE: {
    exit: "unfit",
    about:
      "A database cannot be opened: a directory, a link that leads nowhere, or a file that this user may not read.",
  },
  ERR_DATABASE_READ_ONLY: {
    exit: "unfit",
    about:
      "This user cannot write to a database with migrations, or make a new one in its directory. Run the deployer as the app's user.",
  },
  ERR_DATABASE_NOT_WAL: {
    exit: "unfit",
    about:
      "A database that the plugin migrates is not in WAL mode: its readers and a COMMIT would wait for each other. WAL is set once, and stays in the file.",
  },
  ERR_DATABASE_HARD_LINKED: {
    exit: "unfit",
    about:
      "A database file has several names (hard links). SQLite keeps a log per name, so two processes could destroy it.",
  },
  ERR_DATABASE_TWICE: {
    exit: "unfit",
    about: "Two configured databases lead to the same file. A database has one owner.",
  },
  ERR_DATABASE_BUSY: {
    exit: "undone",
    about:
      "Another process kept a database locked for too long. Nothing was changed. Deploy again when it has finished.",
  },
  ERR_DATABASE_CHANGED: {
    exit: "undone",
    about: "A database is no longer the one that the migrations were rehearsed on. Nothing was changed. Deploy again.",
  },
  ERR_NO_ROOM_TO_REHEARSE: {
    exit: "unfit",
    about:
      "Migrations are pending and there is no room for copies to rehearse them on. Free some space, or raise `copies.maxBytes`; copies never take more than half of what is free.",
  },
  ERR_BASELINE_DIFFERS: {
    exit: "unfit",
    about:
      "`deployer db baseline` found a schema that no first migrations of the folder make. Nothing was recorded; the message says what differs.",
  },
  ERR_COPY_FAILED: {
    exit: "unfit",
    about: "A database could not be copied for the rehearsal. The live database was only read.",
  },
} as const;

export type DrizzleErrorCode = keyof typeof drizzleErrors;

export function drizzleError(code: DrizzleErrorCode, message: ErrorMessage): DeployError {
  return new DeployError({ ...message, code, exitCode: EXIT[drizzleErrors[code].exit] });
}
