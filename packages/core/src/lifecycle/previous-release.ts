import { restoreCurrent } from "../release/current-link.ts";
import type { ReleaseInfo } from "./release.ts";
import type { Session } from "./session.ts";

/** What was served when the run began. */
export interface PreviousRelease {
  readonly info: ReleaseInfo | undefined;
  /** The text of `current`, which another tool may have made. */
  readonly link: string | undefined;
  /** Puts `current` back exactly as it was; may be called again. */
  restore(): Promise<void>;
}

export async function previousRelease(session: Session, id: string | undefined): Promise<PreviousRelease> {
  const { fs } = session.ports;
  const record = id === undefined ? undefined : session.store.release(id);
  const link = id === undefined ? undefined : await fs.readLink(session.paths.current);
  const info = record === undefined ? undefined : session.releaseInfo(record);
  return {
    // Whose files are gone can be compared with nothing.
    info: info !== undefined && (await fs.resolve(info.path)) !== undefined ? info : undefined,
    link,
    restore: () => restoreCurrent(fs, session.paths, link),
  };
}
