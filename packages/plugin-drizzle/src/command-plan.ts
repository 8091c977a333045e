import { mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, posix } from "node:path";
import type { CommandContext, ReleaseInfo } from "@deployer/core";
import { type AppDatabase, appDatabases } from "./databases.ts";
import { drizzleError } from "./errors.ts";
import type { DrizzleOptions } from "./options.ts";
import { planRelease } from "./plan.ts";
import { setupPath } from "./setup.ts";
import { type Judged, judgePlans } from "./verdict.ts";

/**
 * The pending SQL of the current release, or of a ref that the mirror has, with its verdict against what runs. Live
 * databases are only read; the ref's migrations are unpacked into a temporary directory that is removed.
 */
export async function plan(options: DrizzleOptions, context: CommandContext): Promise<object> {
  const databases = appDatabases(options, context.paths);
  const ref = context.args[0];
  const judged =
    ref === undefined
      ? await judgeRelease(databases, currentRelease(context), options, context)
      : await judgeRef(databases, ref, options, context);
  const found = judged.map((it) => summary(it));
  return { text: found.map(describe).join("\n\n") || "Nothing is pending.", ref: ref ?? null, databases: found };
}

async function judgeRelease(
  databases: readonly AppDatabase[],
  release: ReleaseInfo,
  options: DrizzleOptions,
  context: CommandContext,
): Promise<Judged[]> {
  const plans = await planRelease(databases, context.config.shared, release, context);
  return judgePlans(plans, setupPath(options, release), context.redact);
}

async function judgeRef(
  databases: readonly AppDatabase[],
  ref: string,
  options: DrizzleOptions,
  context: CommandContext,
): Promise<Judged[]> {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), "deployer-plan-")));
  try {
    const hash = await git(context, ref, ["rev-parse", "--verify", "--end-of-options", `${ref}^{commit}`]);
    const folders = databases.flatMap(({ migrations }) =>
      migrations === undefined ? [] : [posix.join(context.config.directory, migrations)],
    );
    // A setup module may import what lies beside it.
    const wanted = options.setup === undefined ? folders : [context.config.directory];
    await git(context, ref, ["archive", "-o", join(directory, "migrations.tar"), hash, "--", ...wanted]);
    await run(context, ref, "tar", ["-xf", join(directory, "migrations.tar"), "-C", directory]);
    const release: ReleaseInfo = {
      id: hash.slice(0, 7),
      revision: { hash, ref, remote: "" },
      path: directory,
      appPath: join(directory, context.config.directory),
      sequence: 0,
    };
    return await judgeRelease(databases, release, options, context);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function git(context: CommandContext, ref: string, args: readonly string[]): Promise<string> {
  return run(context, ref, "git", ["--git-dir", context.paths.mirror, ...args]);
}

async function run(context: CommandContext, ref: string, file: string, args: readonly string[]): Promise<string> {
  const { runner, paths, env, signal } = context;
  const result = await runner.run({ file, args, cwd: paths.root, env, signal });
  signal.throwIfAborted();
  if (result.ok) return result.stdout.trim().split("\n").at(-1) ?? "";
  throw drizzleError("ERR_PLAN_REF", {
    message: `"${ref}" cannot be planned: ${context.redact(result.tail.join(" ") || `${file} did not run`)}`,
    hint: "Name a commit that was fetched before (the hash of a release, see `deployer releases`), or leave it out.",
    details: { ref },
  });
}

function currentRelease({ current }: CommandContext): ReleaseInfo {
  if (current !== undefined) return current;
  throw drizzleError("ERR_PLAN_REF", {
    message: "Nothing is deployed yet, so there are no migrations to plan.",
    hint: "Name a commit: `deployer db plan <hash>`.",
  });
}

interface Planned {
  readonly name: string;
  readonly file: string;
  readonly verdict: string;
  readonly pending: readonly {
    readonly migration: string;
    readonly verdict: string;
    readonly sql: readonly string[];
  }[];
  readonly findings: readonly object[];
  readonly notes: readonly string[];
}

function summary({ plan: { database, pending }, findings, verdicts, unjudged }: Judged): Planned {
  const breaks = findings.some(({ verdict }) => verdict === "breaks");
  return {
    ...{ name: database.name, file: database.path },
    verdict: unjudged !== undefined ? "unjudged" : breaks ? "breaks" : findings.length > 0 ? "warn" : "safe",
    pending: pending.map(({ tag, statements }, index) => ({
      migration: tag,
      verdict: verdicts[index] ?? "unjudged",
      sql: statements.filter(({ skip }) => !skip).map(({ sql }) => sql),
    })),
    findings: findings.map(({ rule, verdict, object, what, migration, number, acknowledged }) => ({
      ...{ rule, verdict, object, what, migration, number, acknowledged },
    })),
    notes: findings.map(
      ({ verdict, object, what, migration, number, acknowledged }) =>
        `${verdict}${acknowledged ? " (acknowledged)" : ""}: ${migration}, statement ${number}: ${object}: ${what}`,
    ),
  };
}

function describe({ name, file, verdict, pending, notes }: Planned): string {
  const sql = pending.flatMap(({ migration, sql }) => [`-- ${migration}`, ...sql.map((text) => `${text};`)]);
  return [`${name} (${file}): ${verdict}`, ...notes.map((note) => `  ${note}`), ...sql].join("\n");
}
