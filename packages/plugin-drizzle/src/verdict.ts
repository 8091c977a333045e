import type { Context, ReleaseInfo } from "@deployer/core";
import { ACKNOWLEDGEMENT } from "./acknowledgement.ts";
import { drizzleError } from "./errors.ts";
import type { Judgement, JudgeTask } from "./judge.ts";
import { rememberJudged } from "./judgements.ts";
import type { MemoryRehearsal, PlacedFinding } from "./memory-rehearsal.ts";
import { migrationError } from "./migration-error.ts";
import type { DatabasePlan } from "./plan.ts";
import { runSqlChild, SMALL_STEP_MS } from "./sql-child.ts";

/** What pending migrations of one database do to the release that runs now. */
export interface Judged extends MemoryRehearsal {
  readonly plan: DatabasePlan;
  /** Why the schema could not be rehearsed in memory: then nothing is known. */
  readonly unjudged?: string;
}

/**
 * Rehearses what is pending in memory, with what the release's setup module registers.
 * @throws ERR_MIGRATION_FAILED, and what runSqlChild throws
 */
export async function judgePlans(
  plans: readonly DatabasePlan[],
  setup: string | null,
  release: ReleaseInfo,
  context: Context,
): Promise<Judged[]> {
  const pending = plans.filter((plan) => plan.pending.length > 0);
  if (pending.length === 0) return [];
  const judgements = await judgeInChild(pending, setup, release, context);
  return pending.map((plan, index) => judgedOf(plan, judgements[index]!, context));
}

/**
 * Stops a run whose migrations would break the release that runs now, unless their files say that they do. Each verdict
 * is remembered: releases that lack a migration may be served beside it only when it was safe.
 * @returns what was acknowledged, and so is one-way once it is committed
 * @throws ERR_MIGRATION_BREAKS
 */
export function refuseBreaking(
  judged: readonly Judged[],
  previous: ReleaseInfo | undefined,
  context: Pick<Context, "state" | "warn" | "info" | "redact">,
): PlacedFindingOf[] {
  for (const { plan, verdicts, unjudged } of judged) {
    rememberJudged(
      context.state,
      plan.database.file,
      plan.pending.map(({ tag, hash, when }, index) => ({
        ...{ tag, hash, when },
        verdict: unjudged === undefined ? (verdicts[index] ?? "safe") : "unjudged",
      })),
    );
    if (unjudged !== undefined) {
      context.warn(
        `${plan.database.name}: whether its migrations would break the running release is not known, because its schema cannot be rehearsed in memory (${context.redact(unjudged)}).`,
      );
    }
  }
  if (previous === undefined) return [];
  const findings = judged.flatMap(({ plan, findings }) => findings.map((finding) => ({ ...finding, plan })));
  const breaking = findings.filter(({ verdict }) => verdict === "breaks");
  const refused = breaking.filter(({ acknowledged }) => !acknowledged);
  if (refused.length > 0) throw breaksError(refused, previous, context.redact);
  for (const finding of findings) {
    const { plan, migration, object, what, verdict } = finding;
    const tell = `${plan.database.name}: ${migration} changes ${object}; for release ${previous.id}: ${what}.`;
    context.warn(verdict === "warn" ? tell : `${tell} Its file says so: once committed there is no rollback to it.`);
  }
  return breaking;
}

export type PlacedFindingOf = PlacedFinding & { readonly plan: DatabasePlan };

function taskOf({ database, live, pending }: DatabasePlan): JudgeTask {
  return { name: database.name, source: live?.path ?? null, pending };
}

async function judgeInChild(
  plans: readonly DatabasePlan[],
  setup: string | null,
  release: ReleaseInfo,
  context: Context,
): Promise<readonly Judgement[]> {
  const on = "its schema in memory";
  const databases = plans.map(({ database }) => database);
  const input = { setup, tasks: plans.map(taskOf) };
  const child = await runSqlChild<Judgement>(
    { script: "judge-child", input, cwd: release.path, stepMs: SMALL_STEP_MS, on, databases },
    context,
  );
  if (child.answer !== undefined) return child.answer;
  const did = setup === null ? "tried them" : `loaded the setup module ${setup}`;
  const reason = `the process that ${did} ended with ${child.ended}: ${child.tail}`;
  return plans.map(() => ({ outcome: "failed", problem: { reason } }));
}

function judgedOf(plan: DatabasePlan, judgement: Judgement, { redact }: Context): Judged {
  if (judgement.outcome === "failed")
    throw migrationError(plan.database, judgement.problem, "its schema in memory", redact, undefined);
  if (judgement.outcome === "unjudged") return { plan, findings: [], verdicts: [], unjudged: judgement.reason };
  return { plan, ...judgement.rehearsal };
}

function breaksError(refused: readonly PlacedFindingOf[], previous: ReleaseInfo, redact: Context["redact"]): Error {
  const lines = refused.map(
    ({ plan, migration, number, statement, object, what }) =>
      `  ${plan.database.name} (${plan.database.path}), statement ${number} of ${migration}: ${redact(oneLine(statement))}\n    ${object}: ${what}`,
  );
  return drizzleError("ERR_MIGRATION_BREAKS", {
    message: `Release ${previous.id}, which is served until the new one is, would not survive these migrations:\n${lines.join("\n")}`,
    hint: `Do it in two deployments: first add what is new and let the code use it; then, in a later one, remove what nothing uses any more, with the line "${ACKNOWLEDGEMENT}" in that migration's file. After such a commit there is no rollback to the release before.`,
    details: {
      release: previous.id,
      findings: refused.map(({ plan, migration, number, statement, rule, object, what }) => ({
        ...{ database: plan.database.name, file: plan.database.path, migration, number },
        ...{ statement: redact(statement), rule, object, what },
      })),
    },
  });
}

function oneLine(statement: string): string {
  const line = statement.replaceAll(/\s+/g, " ");
  return line.length <= 160 ? line : `${line.slice(0, 160)} …`;
}
