import { createHash } from "node:crypto";
import { basename, join } from "node:path";
import { DeployError, type FileSystem } from "@deployer/core";
import { z } from "zod";
import { acknowledges } from "./acknowledgement.ts";
import { drizzleError } from "./errors.ts";
import { readNamedMigrations } from "./named-migrations.ts";
import { migrationStatements } from "./statements.ts";

/** One migration of a release, as drizzle-kit wrote it. */
export interface Migration {
  /** Its name: "0003_add_sku". */
  readonly tag: string;
  /** The journal's time; drizzle's `created_at`. */
  readonly when: number;
  /** sha256 of the file's text, as drizzle-orm writes it. */
  readonly hash: string;
  /** Also of the text with other line ends: a checkout on Windows is no edit. */
  readonly acceptedHashes: readonly string[];
  readonly statements: readonly string[];
  /** Only with drizzle 1.0: the name of its folder, by which drizzle then tells migrations apart. */
  readonly name?: string;
  /** The file says that it breaks the release before. */
  readonly acknowledged?: boolean;
}

const journalSchema = z.object({
  entries: z.array(z.object({ tag: z.string().regex(/^[^/\\]+$/), when: z.number() })),
});

/**
 * Reads a folder of drizzle-kit: up to 0.31 in the order of its journal, of 1.0 in the order of its folders' names.
 * Anything else is a clear error.
 */
export async function readMigrationsFolder(folder: string, fs: FileSystem): Promise<Migration[]> {
  if ((await fs.resolve(folder))?.kind !== "directory") {
    throw folderError(
      folder,
      "does not exist in the release",
      "Commit the folder that drizzle-kit writes, or correct `migrations`.",
    );
  }
  const named = await namedFolders(folder, fs);
  if (named.length > 0) return readNamedMigrations(folder, named, fs);
  const entries = await readJournal(join(folder, "meta", "_journal.json"), folder, fs);
  return Promise.all(
    entries.map(async ({ tag, when }) =>
      migrationOf(tag, when, await readMigration(join(folder, `${tag}.sql`), folder, fs)),
    ),
  );
}

/** What a file's text says, apart from where it lies. */
export function migrationOf(tag: string, when: number, text: string): Migration {
  const unix = text.replaceAll("\r\n", "\n");
  const acceptedHashes = [text, unix, unix.replaceAll("\n", "\r\n")].map(sha256);
  const acknowledged = acknowledges(text);
  return { tag, when, hash: sha256(text), acceptedHashes, statements: migrationStatements(text), acknowledged };
}

/** Folders of drizzle-kit 1.0, and none when there is a journal. */
async function namedFolders(folder: string, fs: FileSystem): Promise<string[]> {
  const [journal, entries] = await Promise.all([fs.resolve(join(folder, "meta", "_journal.json")), fs.list(folder)]);
  const hasJournal = journal !== undefined;
  const names = entries.filter((name) => !name.endsWith(".sql"));
  const files = await Promise.all(names.map((name) => fs.resolve(join(folder, name, "migration.sql"))));
  const newKind = names.filter((_name, index) => files[index] !== undefined);
  if (hasJournal && newKind.length > 0) {
    throw folderError(
      folder,
      `has migrations of two kinds: meta/_journal.json, and ${newKind.join(", ")}`,
      "Keep one kind: remove the folders that drizzle-kit 1.0 wrote, or finish `drizzle-kit up` and remove `meta`.",
    );
  }
  if (!hasJournal && newKind.length === 0) {
    throw folderError(
      folder,
      "has neither meta/_journal.json nor folders with a migration.sql",
      "Commit the whole folder that drizzle-kit writes, `meta` included.",
    );
  }
  return newKind;
}

async function readJournal(
  path: string,
  folder: string,
  fs: FileSystem,
): Promise<z.infer<typeof journalSchema>["entries"]> {
  const text = await fs.readText(path);
  try {
    return journalSchema.parse(JSON.parse(text.replace(/^\uFEFF/, ""))).entries;
  } catch (cause) {
    throw folderError(
      folder,
      "has a meta/_journal.json that cannot be read",
      "Restore it; a merge may have left conflict marks.",
      cause,
    );
  }
}

async function readMigration(path: string, folder: string, fs: FileSystem): Promise<string> {
  try {
    return await fs.readText(path);
  } catch (cause) {
    if (cause instanceof DeployError) throw cause;
    throw folderError(folder, `lacks ${basename(path)}, which its journal names`, "Commit the missing file.", cause);
  }
}

export function folderError(folder: string, what: string, hint: string, cause?: unknown): Error {
  return drizzleError("ERR_MIGRATIONS_FOLDER", {
    message: `The migrations folder ${folder} ${what}.`,
    hint,
    details: { folder },
    cause,
  });
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
