import { DeployError } from "../errors/deploy-error.ts";
import { decisionOn } from "../lifecycle/decision.ts";
import { holdsRevision, toDeployError } from "../lifecycle/failure.ts";
import { afterOneWay, type OneWay } from "../lifecycle/one-way.ts";
import { preflight } from "../lifecycle/preflight.ts";
import { Run } from "../lifecycle/run.ts";
import type { Session } from "../lifecycle/session.ts";
import { UndoStack } from "../lifecycle/undo-stack.ts";
import type { Plugin } from "../plugin/plugin.ts";
import { restoreCurrent } from "../release/current-link.ts";
import type { RunRecord } from "../store/run-store.ts";

/**
 * Activates and accepts the release of a dead run, because what that run committed breaks the release before. It had
 * passed the gate.
 * @returns why it cannot be served; its revision is then held, and the run has to be undone
 * @throws what says nothing about the release, as PM2 that does not answer: the next run tries again
 */
export async function takeOver(
  session: Session,
  record: RunRecord,
  plugins: readonly Plugin[],
  oneWay: readonly OneWay[],
): Promise<DeployError | undefined> {
  try {
    await preflight(session);
    await activate(session, record, plugins);
  } catch (thrown) {
    const error = toDeployError(thrown, session.signal);
    if (!holdsRevision(error)) throw error;
    const message = `Run ${record.id} died with its migrations committed, and its release cannot take over: ${error.message}`;
    const told = afterOneWay(new DeployError({ ...error, message, cause: error }), oneWay);
    hold(session, record, told);
    return told;
  }
  return undefined;
}

async function activate(session: Session, record: RunRecord, plugins: readonly Plugin[]): Promise<void> {
  const { store, ports, paths } = session;
  const find = (id: string | null) => (id === null ? undefined : store.release(id));
  const [release, before] = [find(record.release), find(record.previous)];
  if (release === undefined) throw new Error(`the release of run ${record.id} is not on record`);
  const previous = {
    info: before && session.releaseInfo(before),
    link: record.previousLink ?? undefined,
    restore: () => restoreCurrent(ports.fs, paths, record.previousLink ?? undefined),
  };
  // Should it fail, what was begun is undone as after a death: from what is found, not from a stack.
  const run = new Run(session, new UndoStack(), previous, plugins);
  run.steps.begin();
  const active = await run.activate(run.committed(release));
  const decision = decisionOn(release.revision, { verdict: "deployed" }, session);
  store.accept(record.id, active.id, ports.clock.now(), [decision]);
}

function hold(session: Session, record: RunRecord, { code, message }: DeployError): void {
  if (record.revision === null) return;
  const reason = session.redact(message.split("\n")[0] ?? "");
  const { watched, decision } = decisionOn(record.revision, { verdict: "held", code, reason }, session);
  session.store.decide(watched, decision);
}
