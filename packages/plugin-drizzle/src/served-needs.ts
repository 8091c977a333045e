import { join } from "node:path";
import type { CommandContext, ReleaseInfo } from "@deployer/core";
import Database from "better-sqlite3";
import { compareSchemas, type Finding } from "./compatibility-rules.ts";
import type { AppDatabase } from "./databases.ts";
import { drizzleError } from "./errors.ts";
import type { JournalDatabase } from "./journal.ts";
import { knownHashes, vouchFor } from "./memory.ts";
import { readMigrationsFolder } from "./migrations-folder.ts";
import { probe } from "./probes.ts";
import { readModel } from "./schema-model.ts";
import type { Setup } from "./setup.ts";
import { readDatabase } from "./sqlite.ts";

/** A database whose schema is to become that of a snapshot again. */
export interface GoingBack extends Pick<JournalDatabase, "name" | "file" | "path" | "pending"> {
  readonly source: string;
}

export interface NeedOptions {
  /** What the person said, for the hint. */
  readonly command: string;
  readonly setup: Setup;
  readonly breaksServed: boolean;
  /** Whether it is a release with the migrations that expects today's schema; after an undo it is one without. */
  readonly expects: "with" | "without";
}

/**
 * Refuses to take away what the release that is served needs: it brought the migration, or knows it, and its reads or
 * writes would fail on the schema of before. What only may surprise it is told.
 * @throws ERR_RELEASE_NEEDS_SCHEMA unless a person said that it may break
 */
export async function refuseNeeded(
  going: readonly GoingBack[],
  databases: readonly AppDatabase[],
  options: NeedOptions,
  context: CommandContext,
): Promise<void> {
  const { current, warn } = context;
  if (current === undefined) return;
  const findings: { readonly database: string; readonly finding: Finding }[] = [];
  for (const database of going) {
    const isWith = await isKnown(database, databases, current, context);
    if (isWith !== (options.expects === "with")) continue;
    for (const finding of noticed(database, options.setup)) findings.push({ database: database.name, finding });
  }
  const lines = (verdict: Finding["verdict"]): string[] =>
    findings
      .filter(({ finding }) => finding.verdict === verdict)
      .map(({ database, finding: { object, what } }) => `${database}: ${object}: ${what}`);
  for (const line of lines("warn")) warn(`For release ${current.id}, which is served, ${line}.`);
  const broken = lines("breaks");
  if (broken.length === 0) return;
  if (!options.breaksServed)
    throw needed(broken, current, options.expects === "with" && canRollBack(going, context), options);
  for (const line of broken) warn(`Release ${current.id}, which is served, breaks: ${line}.`);
}

/** Whether the release has one of the migrations. What cannot be told is taken for a yes. */
async function isKnown(
  { file, pending }: GoingBack,
  databases: readonly AppDatabase[],
  release: ReleaseInfo,
  { fs, state }: CommandContext,
): Promise<boolean> {
  const folder = databases.find((database) => database.file === file)?.migrations;
  const remembered = knownHashes(state, release.id, file);
  const hashes =
    folder === undefined
      ? remembered
      : await readMigrationsFolder(join(release.appPath, folder), fs).then(
          (migrations) => migrations.flatMap(({ acceptedHashes }) => acceptedHashes),
          () => remembered,
        );
  return hashes.length === 0 || pending.some(({ hash }) => hashes.includes(hash));
}

function noticed({ name, path, source }: GoingBack, setup: Setup): Finding[] {
  return readDatabase(path, (live) => {
    const snapshot = new Database(source, { fileMustExist: true });
    try {
      for (const db of [live, snapshot]) setup(db, name);
      const now = readModel(live);
      const found = compareSchemas(now, readModel(snapshot));
      return [...found, ...probe(now, snapshot, found)];
    } finally {
      snapshot.close();
    }
  });
}

/** Whether the releases before are known to work with what is committed. */
function canRollBack(going: readonly GoingBack[], { state }: CommandContext): boolean {
  return going.every(({ file, pending }) => {
    const { breaking, foreign } = vouchFor(state, file, pending);
    return breaking.length === 0 && foreign.length === 0;
  });
}

function needed(
  lines: readonly string[],
  release: ReleaseInfo,
  canRollBack: boolean,
  { command, expects }: NeedOptions,
): Error {
  const returns = expects === "with" ? "deployer rollback" : "deployer deploy";
  return drizzleError("ERR_RELEASE_NEEDS_SCHEMA", {
    message: `Release ${release.id}, which is served, needs what would go:\n${lines.map((line) => `  ${line}`).join("\n")}\nNothing was changed.`,
    hint: canRollBack
      ? `Return to the release before first: \`deployer rollback\`. Then run \`${command}\` again.`
      : `No other release works with today's schema, so that requests fail between the two: \`${command} --break-served\`, and at once \`${returns}\`.`,
    details: { release: release.id, needs: lines },
  });
}
