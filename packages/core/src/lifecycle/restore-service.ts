import { EXIT } from "../errors/deploy-error.ts";
import { switchCurrent } from "../release/current-link.ts";
import type { ReleaseRecord, RunStore } from "../store/run-store.ts";
import { faultOfCurrent } from "./current-fault.ts";
import { type FoundDowntime, findDowntimes } from "./downtimes.ts";
import type { RunResult } from "./result.ts";
import type { Session } from "./session.ts";

/** The reason of a run that starts again what should be served. */
export const BRING_BACK = "bring back";

/** So many checks in a row try it at once; after that one tries it every ten minutes. */
const PROMPT_TRIES = 3;
const PAUSE_MS = 10 * 60_000;

/**
 * Points `current` at the accepted release again when it is missing or leads nowhere. Where that release's files are lost
 * with it, `current` stays: an older one may not fit today's data, and takes over verified or not at all.
 */
export async function putBackCurrent(session: Session): Promise<boolean> {
  const fault = await faultOfCurrent(session);
  if (fault?.target === undefined || fault.isLost) return false;
  await switchCurrent(session.ports.fs, session.paths, fault.target.id);
  session.warn(`${fault.problem} It points at ${fault.target.id} again.`);
  return true;
}

/**
 * Looks whether what should be served is, and has it started again if not.
 * @returns what is still wrong
 */
export async function restoreService(
  session: Session,
  start: (accepted: ReleaseRecord, target: ReleaseRecord) => Promise<RunResult>,
): Promise<readonly FoundDowntime[]> {
  const { store, ports } = session;
  const downtimes = await findDowntimes(session);
  const accepted = store.lastAccepted();
  const fault = await faultOfCurrent(session);
  // The revision is deployed anew, whatever becomes of an older release meanwhile.
  if (fault?.isLost) store.forget(fault.accepted.revision.hash);
  if (downtimes.length === 0 || accepted === undefined || downtimes.some(({ canRestore }) => !canRestore))
    return downtimes;
  const target = fault?.target ?? accepted;
  const again = againAt(store, ports.clock.now());
  if (again !== undefined) return [...downtimes, waiting(again)];
  const result = await start(accepted, target);
  if (result.exitCode !== EXIT.ok) return [...downtimes, failed(result)];
  const problems = downtimes.map(({ problem }) => problem).join(" ");
  session.warn(`${problems} Release ${target.id} was started again and is served (log: ${result.log}).`);
  return [];
}

/** When the next try is due, if that is still to come. A clock that was set back must not make it wait for longer. */
function againAt(store: RunStore, now: number): number | undefined {
  const tries = store.history(PROMPT_TRIES);
  const [last] = tries;
  const isTired =
    tries.length === PROMPT_TRIES && tries.every(({ reason, accepted }) => reason === BRING_BACK && !accepted);
  if (!isTired || last === undefined || last.startedAt > now) return undefined;
  const due = last.startedAt + PAUSE_MS;
  return now < due ? due : undefined;
}

function waiting(at: number): FoundDowntime {
  const time = new Date(at).toISOString();
  const problem = `Starting it again has failed ${PROMPT_TRIES} times and is tried again at ${time}.`;
  return { plugin: "core", problem, hint: "To try it now: deployer reload", canRestore: false };
}

function failed({ error, log }: RunResult): FoundDowntime {
  const why = error === null ? "" : `${error.code}: ${error.message}`;
  const hint = error?.hint ?? `Look at ${log}.`;
  return { plugin: "core", problem: `Starting it again failed: ${why}`, hint, canRestore: false };
}
