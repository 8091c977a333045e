import { isAbsolute, posix } from "node:path";
import { z } from "zod";

/** One SQLite database of the app. */
export interface DatabaseOptions {
  /** The file, relative to the app's directory and under one of its shared paths: "data/core.db". */
  readonly file: string;
  /** Drizzle's migrations folder in the repository: "drizzle/core". Without it the database is copied, never migrated. */
  readonly migrations?: string;
  /** A variable that build and gate see set to the copy's path, for an app that is told where its database is. */
  readonly env?: string;
}

export interface DrizzleOptions {
  /** The app's databases by the names that messages, result and history use. They are migrated as one unit. */
  readonly databases: Readonly<Record<string, DatabaseOptions>>;
  /** What to do with a pending migration that is older than the newest applied one. @default "stop" */
  readonly outOfOrder?: "stop" | "apply";
  /** The app changes its schema by itself, and that is meant: told, and no reason to stop. @default false */
  readonly selfMigrates?: boolean;
  /**
   * How long the app's writers may wait for the migrations, in milliseconds. The rehearsal must take at most half of it;
   * at twice of it the migrations are ended, as long as nothing is committed. @default 1_000
   */
  readonly maxLockMs?: number;
  /**
   * A module of the release, relative to the app: "db/setup.mjs". Its default export gets each connection that migrates
   * and the database's name, and registers functions or loads extensions. Dependencies are not installed yet.
   */
  readonly setup?: string;
  /** The app is stopped or writes nothing, so that the databases may be locked for as long as it takes. @default false */
  readonly maintenance?: boolean;
}

const database = z.strictObject({
  file: z
    .string()
    .min(1)
    .refine((file) => isAbsolute(file) || staysInside(file), "must stay inside the app's directory")
    .describe(
      'The database file, relative to the app\'s directory and under a shared path: "data/core.db"; or absolute, with `env`.',
    ),
  migrations: z
    .string()
    .min(1)
    .refine((folder) => !isAbsolute(folder), "must be relative: the migrations of a release are its own")
    .describe(
      'Drizzle\'s migrations folder in the repository: "drizzle/core". Without it the database is copied, never migrated.',
    )
    .optional(),
  env: z
    .string()
    .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, "must be the name of a variable, like CORE_DB")
    .describe("A variable that build and gate see set to the copy's path.")
    .optional(),
});

/** Checks the options; the manual's option table is made from the descriptions. */
export const drizzleOptionsSchema: z.ZodType<DrizzleOptions> = z.strictObject({
  databases: z
    .record(z.string().min(1), database)
    .superRefine((databases, check) => {
      if (Object.keys(databases).length === 0)
        check.addIssue({ code: "custom", message: "must name at least one database" });
      for (const [name, owner] of sharedFiles(databases)) {
        check.addIssue({
          code: "custom",
          path: [name, "file"],
          message: `is the file of "${owner}" too; a database has one owner`,
        });
      }
    })
    .describe("The app's databases by name. They are migrated as one unit: all or none."),
  outOfOrder: z
    .enum(["stop", "apply"])
    .describe("What to do with a pending migration that is older than the newest applied one: stop, unless given.")
    .optional(),
  selfMigrates: z
    .boolean()
    .describe("The app changes its schema by itself, and that is meant: it is told, and the run goes on.")
    .optional(),
  maxLockMs: z
    .number()
    .int()
    .min(50)
    .describe(
      "How long the app's writers may wait for migrations, in milliseconds: 1000 unless given. The rehearsal must take at most half of it, and at twice of it migrations are ended before anything is committed. Stay below a quarter of the app's `busy_timeout`, which the plugin cannot know.",
    )
    .optional(),
  setup: z
    .string()
    .min(1)
    .refine((file) => !isAbsolute(file) && staysInside(file), "must be a module of the release, relative to the app")
    .describe(
      'A module of the release, relative to the app ("db/setup.mjs"). Its default export `(db, name) => …` gets each connection that migrates, to register functions or load extensions. It runs before dependencies are installed.',
    )
    .optional(),
  maintenance: z
    .boolean()
    .describe("The app is stopped or writes nothing: the databases may be locked for as long as it takes.")
    .optional(),
});

/** "./data//core.db" and "data/core.db" are one file: the form that is compared with shared paths. */
export function normalizedPath(path: string): string {
  return posix.normalize(path).replace(/\/$/, "");
}

function staysInside(path: string): boolean {
  const normalized = normalizedPath(path);
  return normalized !== "." && normalized !== ".." && !normalized.startsWith("../");
}

/** Names whose file an earlier name has already, each with that name. */
function sharedFiles(databases: Readonly<Record<string, DatabaseOptions>>): [name: string, owner: string][] {
  const owners = new Map<string, string>();
  return Object.entries(databases).flatMap(([name, { file }]): [string, string][] => {
    const owner = owners.get(normalizedPath(file));
    if (owner !== undefined) return [[name, owner]];
    owners.set(normalizedPath(file), name);
    return [];
  });
}
