import { coreError } from "../errors/catalog.ts";
import type { Decision, ReleaseRecord } from "../store/run-store.ts";
import type { Attempt, Ending } from "./attempt.ts";
import { notServed } from "./downtimes.ts";
import { tellPlan } from "./plan.ts";
import { preflight } from "./preflight.ts";
import type { Release, Revision } from "./release.ts";
import { chooseRelease, sharedDifference } from "./rollback-target.ts";
import { againAt, judge, standing, watchedName } from "./verdict.ts";

/**
 * `check`: deploys what the watched ref has, unless that was decided on before. A new release may be the cure of a
 * downtime; whatever else comes of it, a site that is down is not told as well.
 */
export async function check(attempt: Attempt): Promise<Ending> {
  const { downtimes, previous } = attempt;
  if (downtimes.length === 0) return deployNew(attempt);
  const ending = await deployNew(attempt).catch((error: unknown) => {
    if (attempt.isBegun) throw error;
    const note = `Besides: ${error instanceof Error ? error.message : String(error)}`;
    throw notServed(downtimes, previous.info?.id, { note, cause: error });
  });
  if (attempt.isBegun) return ending;
  const { revision, reason } = ending.decision ?? {};
  const note = reason == null ? undefined : `The newest revision (${revision?.slice(0, 7)}) is not deployed: ${reason}`;
  throw notServed(downtimes, previous.info?.id, { note });
}

async function deployNew(attempt: Attempt): Promise<Ending> {
  const { run, session, previous } = attempt;
  const revision = await run.detect(undefined);
  const decision = session.store.decision(watchedName(revision)) ?? session.store.decision("");
  const verdict = judge(decision, revision, session.resolved.hash);
  if (verdict.kind === "up-to-date") return { outcome: "up-to-date", release: previous.info };
  if (verdict.kind === "held")
    return { outcome: "held", release: previous.info, decision: standing(verdict.decision, null) };
  const due = verdict.kind === "again" ? dueAt(session, verdict.decision) : undefined;
  if (verdict.kind === "again" && due !== undefined)
    return { outcome: "backing-off", release: previous.info, decision: standing(verdict.decision, due) };
  return make(attempt, revision, revision);
}

/** When to try again, if that is still to come. A clock that was set back must not make it wait for longer. */
function dueAt({ store, ports }: Attempt["session"], { hash, code, at }: Decision): number | undefined {
  const due = againAt(store.failures(hash, code ?? ""), at) ?? at;
  const now = ports.clock.now();
  return at <= now && now < due ? due : undefined;
}

/** `deploy [ref]`: a person's word. Always makes a new release; what it deployed stays until the branch moves. */
export async function deploy(attempt: Attempt, ref: string | undefined): Promise<Ending> {
  const revision = await attempt.run.detect(ref);
  const watched = ref === undefined ? revision : await attempt.run.detect(undefined);
  return make(attempt, revision, watched);
}

/** `rollback [release]`: a retained release becomes current again, by way of the same gate and activation. */
export async function rollback(
  attempt: Attempt,
  wanted: string | undefined,
  { yes, gate }: { readonly yes: boolean; readonly gate: boolean },
): Promise<Ending> {
  const { run, session, previous } = attempt;
  const current = previous.info;
  if (current === undefined) {
    throw coreError("ERR_NO_SUCH_RELEASE", {
      message: "Nothing is deployed yet, so there is nothing to roll back.",
      hint: "deployer deploy",
    });
  }
  const target = await chooseRelease(session, current, wanted);
  refuseDifferentShared(session.store.release(current.id), target, yes);
  await preflight(session);
  await attempt.begin("rollback");
  const approved = await run.rollback(run.retained(target), current);
  if (!gate) run.skipGate("a person said so (--no-gate)");
  const cleared = await run.gate(approved);
  const active = await run.activate(cleared);
  attempt.accept(active, rolledBackFrom(attempt, current.revision));
  await attempt.cleanup(active);
  return { outcome: "rolled-back", release: active };
}

/** `reload`: the current release once more by way of gate and activation, for what it reads only at its start. */
export async function reload(attempt: Attempt, gate: boolean): Promise<Ending> {
  const { run, session, previous } = attempt;
  const record = previous.info === undefined ? undefined : session.store.release(previous.info.id);
  if (record === undefined) {
    throw coreError("ERR_NO_SUCH_RELEASE", {
      message: "Nothing is deployed yet, so there is nothing to reload.",
      hint: "deployer deploy",
    });
  }
  await preflight(session);
  await attempt.begin("reload");
  if (!gate) run.skipGate("a person said so (--no-gate)");
  const active = await run.activate(await run.gate(run.again(record)));
  attempt.accept(active, undefined);
  await attempt.cleanup(active);
  return { outcome: "reloaded", release: active };
}

/** What should be served is started again, as by `reload` and without a trial: it has been accepted before. */
export async function bringBack(attempt: Attempt, accepted: ReleaseRecord, target: ReleaseRecord): Promise<Ending> {
  const { run, session } = attempt;
  await preflight(session);
  await attempt.begin("reload");
  const approved =
    target.id === accepted.id
      ? run.again(target)
      : await run.rollback(run.retained(target), session.releaseInfo(accepted));
  run.skipGate("it has been accepted before, and nothing serves now");
  const active = await run.activate(await run.gate(approved));
  attempt.accept(active, undefined);
  await attempt.cleanup(active);
  return { outcome: "reloaded", release: active };
}

async function make(attempt: Attempt, revision: Revision, watched: Revision): Promise<Ending> {
  const { session } = attempt;
  const isWatched = revision.hash === watched.hash;
  // What a person must mend on this machine is told each time and fills no history.
  await preflight(session);
  await attempt.begin("deploy", isWatched ? watched : undefined);
  await tellPlan(session, revision, attempt.previous.info);
  const active = await release(attempt, revision);
  attempt.accept(active, { revision: watched, verdict: isWatched ? "deployed" : "passed-over" });
  await attempt.cleanup(active);
  return { outcome: "deployed", release: active };
}

async function release({ run }: Attempt, revision: Revision): Promise<Release<"active">> {
  const prepared = await run.prepare(await run.draft(revision));
  const linked = await run.link(prepared);
  const built = await run.build(linked);
  const gated = await run.gate(built);
  const migrated = await run.migrate(gated);
  return run.activate(migrated);
}

/** Without this the next check would deploy again what a person has just taken out of service. */
function rolledBackFrom(
  attempt: Attempt,
  revision: Revision,
): { revision: Revision; verdict: "rolled-back" } | undefined {
  const decision = attempt.session.store.decision(watchedName(revision));
  return decision?.hash === revision.hash && decision.verdict !== "held" && decision.verdict !== "again"
    ? { revision, verdict: "rolled-back" }
    : undefined;
}

function refuseDifferentShared(current: ReleaseRecord | undefined, target: ReleaseRecord, yes: boolean): void {
  const unseen = sharedDifference(current?.shared ?? [], target.shared);
  if (unseen.length === 0 || yes) return;
  throw coreError("ERR_RELEASE_UNSAFE", {
    message: `Release ${target.id} was linked before these were shared and will not see them: ${unseen.join(", ")}.`,
    hint: "Add --yes if that is acceptable, or choose a newer release (`deployer releases`).",
    details: { release: target.id, unseen },
  });
}
