import type { LinkContext, SettleContext } from "../plugin/contexts.ts";
import { isInside } from "./inside.ts";

/**
 * Stands in the place of a shared path from the link stage to the end of gate, so that build and trial cannot touch
 * what is live. Core links whatever of the shared directory is not owned, calls `fill`, and later swaps the real link in.
 */
export interface Substitute {
  /** What it replaces: paths relative to the app, each the shared path itself or below it, as "data/core.db". */
  readonly owns: readonly string[];
  /**
   * Puts the copies in. `standIn` is the absolute path inside the release that stands for the shared path: an existing
   * directory, or the place of a file that is not there yet.
   * @returns variables that build and gate must see beside it
   */
  fill(standIn: string, context: LinkContext): Promise<{ readonly env?: Readonly<Record<string, string>> } | undefined>;
  /** The last look, after gate and before the real link is swapped in. May fail the run. */
  settle?(standIn: string, context: SettleContext): Promise<void>;
}

/** Something that outlives releases: `shared/<path>`, linked into every release at the same path. */
export interface SharedPath {
  /** Relative to the app, without a slash at the end. */
  readonly path: string;
  readonly kind: "file" | "directory";
  /** A file that need not be there: then no link is made. Missing directories are always created. */
  readonly mayBeMissing?: boolean;
  /** When `shared/<path>` does not exist yet, the first release's own contents are copied there. */
  readonly seed?: boolean;
  readonly substitutes?: readonly Substitute[];
}

/** The entry of the list that holds `path` (the entry itself or a directory above it), if any. */
export function entryFor(paths: readonly SharedPath[], path: string): SharedPath | undefined {
  return paths.find((entry) => entry.path === path || (entry.kind === "directory" && isInside(path, entry.path)));
}
