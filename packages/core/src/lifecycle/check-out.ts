import { join } from "node:path";
import type { CheckedOut } from "../plugin/contexts.ts";
import type { PreviousRelease } from "./previous-release.ts";
import { Run } from "./run.ts";
import type { Session } from "./session.ts";
import { UndoStack } from "./undo-stack.ts";

/** Detect and prepare as a deployment has them, for a command that looks ahead: no release, no run, nothing live. */
export async function checkOut(
  session: Session,
  previous: PreviousRelease,
  ref: string | undefined,
): Promise<CheckedOut> {
  const { ports, paths, config } = session;
  const run = new Run(session, new UndoStack(), previous);
  const revision = await run.detect(ref);
  const path = join(paths.rehearsal, "ahead");
  // The next run removes what a command that was killed has left.
  const remove = (): Promise<void> => ports.fs.remove(paths.rehearsal);
  await remove();
  try {
    await ports.fs.makeDirectory(paths.rehearsal, 0o700);
    await ports.fs.createDirectory(path, 0o700);
    const appPath = join(path, config.directory);
    const prepared = await run.prepare({ id: "ahead", revision, path, appPath, sequence: 0, state: "draft" });
    return { ...prepared, [Symbol.asyncDispose]: remove };
  } catch (error) {
    await remove();
    throw error;
  }
}
