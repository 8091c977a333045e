import { join } from "node:path";
import { type CommandContext, DeployError, extend, type ReleaseInfo, type Revision } from "@deployer/core";
import { appDatabases } from "./databases.ts";
import { lockBudget } from "./lock-budget.ts";
import type { DrizzleOptions } from "./options.ts";
import { type DatabasePlan, planRelease } from "./plan.ts";
import { type Rehearsed, rehearse } from "./rehearse.ts";
import { hasRoomForCopies } from "./room.ts";
import { setupPath } from "./setup-path.ts";
import { type Judged, judgePlans } from "./verdict.ts";

/**
 * What `deployer deploy [ref]` would do to the databases: the pending SQL, its verdict against what runs, and from a
 * rehearsal on copies the rows that it touches and the time of the lock. Live databases are only read; copies and
 * checkout are removed again.
 */
export async function plan(options: DrizzleOptions, ref: string | undefined, context: CommandContext): Promise<object> {
  await using ahead = await context.checkOut(ref);
  const setup = await setupPath(options, ahead, context.fs);
  const plans = await planRelease(appDatabases(options, context.paths), context.config.shared, ahead, context);
  const judged = await judgePlans(plans, setup, ahead, context);
  const pending = judged.map((it) => it.plan);
  const unfit = await whyNotRehearsed(pending, ahead, context);
  const rehearsed =
    unfit === null ? await rehearseAll(pending, ahead, { setup, stepMs: lockBudget(options).stepMs }, context) : [];
  const databases = judged.map((it, index) => summary(it, rehearsed[index]));
  const answer = {
    revision: ahead.revision,
    databases,
    lock: unfit === null ? lockOf(options, rehearsed) : null,
    notRehearsed: unfit,
  };
  return { text: describe(answer), ...answer };
}

async function whyNotRehearsed(
  pending: readonly DatabasePlan[],
  release: ReleaseInfo,
  context: CommandContext,
): Promise<string | null> {
  const { copies } = context.config;
  if (copies === false) return "the config says `copies: false`";
  try {
    await hasRoomForCopies(pending, copies.maxBytes, extend(context, { release }));
    return null;
  } catch (error) {
    if (error instanceof DeployError) return error.message;
    throw error;
  }
}

async function rehearseAll(
  pending: readonly DatabasePlan[],
  release: ReleaseInfo,
  how: { readonly setup: string | null; readonly stepMs: number },
  context: CommandContext,
): Promise<Rehearsed[]> {
  // What it would tell stands in the answer.
  const quiet = extend(context, { release, info: () => undefined, warn: () => undefined });
  const all: Rehearsed[] = [];
  for (const [index, plan] of pending.entries()) {
    const directory = join(release.path, ".copies", String(index));
    all.push(...(await rehearse([plan], plan.entry, directory, how, quiet)));
  }
  return all;
}

interface Lock {
  /** For all databases together, as long as the statements took on the copies. */
  readonly predictedMs: number;
  /** Why the deployment would stop before it. */
  readonly refused: string | null;
}

function lockOf(options: DrizzleOptions, rehearsed: readonly Rehearsed[]): Lock {
  const predictedMs = new Map(rehearsed.map(({ plan, milliseconds }) => [plan.database.name, milliseconds]));
  const total = Math.ceil([...predictedMs.values()].reduce((sum, ms) => sum + ms, 0));
  try {
    lockBudget(options).refuseTooLong({ predictedMs });
    return { predictedMs: total, refused: null };
  } catch (error) {
    if (error instanceof DeployError) return { predictedMs: total, refused: error.message };
    throw error;
  }
}

interface Planned {
  readonly name: string;
  readonly file: string;
  readonly verdict: string;
  /** `null`: not rehearsed, so not known; as the rows. */
  readonly predictedMs: number | null;
  readonly pending: readonly {
    readonly migration: string;
    readonly verdict: string;
    readonly statements: readonly { readonly sql: string; readonly rows: number | null }[];
  }[];
  readonly findings: Judged["findings"];
}

function summary({ plan, findings, verdicts, unjudged }: Judged, rehearsed: Rehearsed | undefined): Planned {
  const breaks = findings.some(({ verdict }) => verdict === "breaks");
  const rows = (migration: string, number: number): number | null =>
    rehearsed?.changes.find((it) => it.migration === migration && it.number === number)?.rows ?? null;
  return {
    ...{ name: plan.database.name, file: plan.database.path },
    verdict: unjudged !== undefined ? "unjudged" : breaks ? "breaks" : findings.length > 0 ? "warn" : "safe",
    predictedMs: rehearsed === undefined ? null : Math.ceil(rehearsed.milliseconds),
    pending: plan.pending.map(({ tag, statements }, index) => ({
      migration: tag,
      verdict: verdicts[index] ?? "unjudged",
      statements: statements.flatMap(({ sql, skip }, at) => (skip ? [] : [{ sql, rows: rows(tag, at + 1) }])),
    })),
    findings,
  };
}

interface Answer {
  readonly revision: Revision;
  readonly databases: readonly Planned[];
  readonly lock: Lock | null;
  readonly notRehearsed: string | null;
}

function describe({ revision, databases, lock, notRehearsed }: Answer): string {
  const where = `${revision.ref} at ${revision.hash.slice(0, 7)}`;
  if (databases.length === 0) return `${where}: nothing is pending.`;
  const foretold =
    lock === null
      ? `Rows and lock time are not known: ${notRehearsed}.`
      : `The app's writers would wait for about ${lock.predictedMs} ms.${lock.refused === null ? "" : ` The deployment would stop: ${lock.refused}`}`;
  return [`${where}:`, ...databases.map(describeDatabase), foretold].join("\n\n");
}

function describeDatabase({ name, file, verdict, predictedMs, pending, findings }: Planned): string {
  const notes = findings.map(
    ({ verdict, object, what, migration, number, acknowledged }) =>
      `  ${verdict}${acknowledged ? " (acknowledged)" : ""}: ${migration}, statement ${number}: ${object}: ${what}`,
  );
  const sql = pending.flatMap(({ migration, statements }) => [
    `-- ${migration}`,
    ...statements.map(({ sql, rows }) => `${sql};${rows === null ? "" : ` -- ${rows} row${rows === 1 ? "" : "s"}`}`),
  ]);
  const took = predictedMs === null ? "" : `, ${predictedMs} ms`;
  return [`${name} (${file}): ${verdict}${took}`, ...notes, ...sql].join("\n");
}
