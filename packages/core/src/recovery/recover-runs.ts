import { decisionOn } from "../lifecycle/decision.ts";
import type { RunResult } from "../lifecycle/result.ts";
import type { RunLog } from "../lifecycle/run-log.ts";
import type { Session, SessionInit } from "../lifecycle/session.ts";
import type { RunRecord, RunStore } from "../store/run-store.ts";
import { type Recovered, recoverRun } from "./recover-run.ts";
import { settledResult } from "./settled-result.ts";
import { whereItDied } from "./where-it-died.ts";

/** How often the runs of a revision may die before it is held. */
const DEATHS_BEFORE_HOLD = 2;

/** Does something in a session that has a log of its own. */
type Logged = <Answer>(
  run: SessionInit["run"],
  work: (session: Session, log: RunLog) => Promise<Answer>,
) => Promise<Answer>;

/**
 * Settles every run that died, each in its own log. Answers the newest.
 * @throws ERR_RECOVERY_FAILED, ERR_PLUGIN_GONE, and why a release that had to take over could not
 */
export async function recoverRuns(store: RunStore, logged: Logged): Promise<RunResult["recovered"]> {
  let recovered: RunResult["recovered"] = null;
  for (const record of store.openRuns()) {
    const run = { id: record.id, kind: "recover" } as const;
    const outcome = await logged(run, (session, log) => settle(session, log, record));
    recovered = { run: record.id, outcome };
  }
  return recovered;
}

async function settle(session: Session, log: RunLog, record: RunRecord): Promise<Recovered["outcome"]> {
  const { store, ports } = session;
  log.open();
  session.info(`Run ${record.id} died ${whereItDied(record)}; settling what it left.`);
  const settled = await recoverRun(session, record);
  const now = store.openRuns().find(({ id }) => id === record.id) ?? record;
  store.endRun(record.id, settledResult(session, now, settled, log.path), ports.clock.now());
  // What serves now may not work: this run goes no further, and the next one finds the revision held.
  if (settled.error !== undefined) throw settled.error;
  holdAfterDeaths(session, record);
  session.info(`Run ${record.id} is ${settled.outcome}.`);
  return settled.outcome;
}

function holdAfterDeaths(session: Session, { kind, revision, stage }: RunRecord): void {
  const { store } = session;
  if (revision === null || kind === "rollback" || store.deaths(revision.hash) < DEATHS_BEFORE_HOLD) return;
  const reason = `Killed ${DEATHS_BEFORE_HOLD} times, last in ${stage ?? "detect"}: out of memory, or a disk too full to record its end?`;
  const { watched, decision } = decisionOn(revision, { verdict: "held", code: "ERR_KILLED", reason }, session);
  store.decide(watched, decision);
}
