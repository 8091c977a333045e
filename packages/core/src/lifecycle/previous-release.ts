import { removeCurrent, replaceLink } from "../release/current-link.ts";
import type { ReleaseInfo } from "./release.ts";
import type { Session } from "./session.ts";

/** What was served when the run began. */
export interface PreviousRelease {
  readonly info: ReleaseInfo | undefined;
  /** Puts `current` back exactly as it was; may be called again. */
  restore(): Promise<void>;
}

export async function previousRelease(session: Session, id: string | undefined): Promise<PreviousRelease> {
  const { fs } = session.ports;
  const { current, state } = session.paths;
  const record = id === undefined ? undefined : session.store.release(id);
  const target = id === undefined ? undefined : await fs.readLink(current);
  return {
    info: record === undefined ? undefined : session.releaseInfo(record),
    async restore() {
      if (target === undefined) return removeCurrent(fs, session.paths);
      const found = await fs.look(current);
      if (found?.kind === "link" && (await fs.readLink(current)) === target) return;
      await replaceLink(fs, target, current, state);
    },
  };
}
