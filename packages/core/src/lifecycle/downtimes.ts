import { coreError } from "../errors/catalog.ts";
import { DeployError } from "../errors/deploy-error.ts";
import { checkedDowntime } from "../plugin/answers.ts";
import type { Downtime } from "../plugin/contexts.ts";
import { currentId } from "../release/current-link.ts";
import { type CurrentFault, faultOfCurrent } from "./current-fault.ts";
import { extend, type Session } from "./session.ts";

/** A downtime, and who has found it. */
export interface FoundDowntime extends Downtime {
  readonly plugin: string;
}

/** What stands against the accepted release being served, as core and all plugins see it; touches nothing. */
export async function findDowntimes(session: Session): Promise<FoundDowntime[]> {
  if (session.store.lastAccepted() === undefined) return [];
  const fault = await faultOfCurrent(session);
  return [
    ...(fault === undefined ? [] : [downtimeOf(fault)]),
    ...notUndone(session),
    // Where it leads nowhere, that is all there is to say.
    ...((await session.ports.fs.resolve(session.paths.current)) === undefined ? [] : await seenByPlugins(session)),
  ];
}

export function notServed(
  downtimes: readonly Downtime[],
  release: string | undefined,
  more: { readonly note?: string | undefined; readonly cause?: unknown } = {},
): DeployError {
  const [first = "", ...others] = downtimes.map(({ problem }) => problem);
  return coreError("ERR_NOT_SERVED", {
    // The first line stays the same from check to check.
    message: [`${release ?? "The last release"} is not served as it should be: ${first}`, ...others, more.note]
      .filter((line) => line !== undefined)
      .join("\n"),
    hint: [...new Set(downtimes.map(({ hint }) => hint))].join("\n"),
    details: { downtimes },
    cause: more.cause,
  });
}

function downtimeOf({ problem, accepted, target }: CurrentFault): FoundDowntime {
  const hint =
    target === undefined
      ? `If it was switched by hand: deployer rollback <release> makes it official. To go back: deployer rollback ${accepted.id}`
      : "Was it removed by hand, or by another tool? `deployer releases` lists what is there.";
  return { plugin: "core", problem, hint, canRestore: target !== undefined };
}

/** What serves after such a run may be neither the old release nor the new one. */
function notUndone({ store }: Session): FoundDowntime[] {
  const run = store.notUndone();
  if (run === undefined) return [];
  const problem = `Run ${run.id} could not be fully undone (${run.result?.error?.code ?? "exit 5"}).`;
  return [{ plugin: "core", problem, hint: `Look at its log: ${run.result?.log ?? run.id}`, canRestore: true }];
}

async function seenByPlugins(session: Session): Promise<FoundDowntime[]> {
  const id = await currentId(session.ports.fs, session.paths);
  const record = id === undefined ? undefined : session.store.release(id);
  const current = record === undefined ? undefined : session.releaseInfo(record);
  const found: FoundDowntime[] = [];
  for (const plugin of session.resolved.plugins) {
    const context = extend(session.context(plugin.name), { current });
    const ask = async (): Promise<Downtime | undefined> => checkedDowntime(await plugin.downtime?.(context));
    const downtime = await ask().catch((error: unknown) => cannotSay(session, error));
    if (downtime !== undefined)
      found.push({ ...downtime, problem: session.redact(downtime.problem), plugin: plugin.name });
  }
  return found;
}

function cannotSay(session: Session, error: unknown): Downtime {
  session.signal.throwIfAborted();
  const hint = error instanceof DeployError ? error.hint : "Look closer with `deployer status`.";
  const problem = `Whether it is served cannot be seen: ${error instanceof Error ? error.message : String(error)}.`;
  return { problem, hint, canRestore: false };
}
