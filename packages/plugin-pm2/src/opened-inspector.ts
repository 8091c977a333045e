import type { Context, ProcessIdentity } from "@deployer/core";
import { CLOSE, connectInspector, evaluate, isInspectorOpen } from "./inspector.ts";

const STATE = "opened-inspector";
const PATIENCE_MS = 3_000;
const INTERVAL_MS = 20;

/** Keeps, before it is opened, whose inspector we open: whoever debugs another process is left alone. */
export async function noteOpening(
  { processes, state }: Pick<Context, "processes" | "state">,
  pid: number,
): Promise<void> {
  state.set(STATE, (await processes.identity(pid)) ?? null);
}

/**
 * Closes the inspector that we have opened and that is still open, as of a run that was killed or interrupted meanwhile:
 * through it every user of the machine could run code in the app. Does nothing when there is none.
 */
export async function closeOpened(context: Pick<Context, "clock" | "processes" | "state" | "warn">): Promise<void> {
  const { clock, processes, state, warn } = context;
  const opened = state.get<ProcessIdentity | null>(STATE);
  if (opened === undefined || opened === null) return;
  if (await processes.isAlive(opened)) {
    const deadline = clock.elapsed() + PATIENCE_MS;
    while (await isListening(opened.pid)) {
      if (clock.elapsed() > deadline) {
        // The next run tries again.
        return warn(
          `The inspector of process ${opened.pid}, which was opened to let it drain, could not be closed yet`,
        );
      }
      await clock.sleep(INTERVAL_MS);
    }
  }
  state.set(STATE, null);
}

/** Whether it is this process that listens; if so, it is told to close. */
async function isListening(pid: number): Promise<boolean> {
  if (!(await isInspectorOpen())) return false;
  try {
    const inspector = await connectInspector();
    try {
      if ((await evaluate(inspector, "process.pid"))?.value !== pid) return false;
      await evaluate(inspector, CLOSE);
    } finally {
      inspector.close();
    }
  } catch {
    // It is just closing.
  }
  return true;
}
