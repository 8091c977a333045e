/** The commit that a release is made from. */
export interface Revision {
  /** Full commit hash. */
  readonly hash: string;
  /** What is watched or was asked for: a branch, a tag or a hash. */
  readonly ref: string;
  /** Where it came from, redacted. */
  readonly remote: string;
}

/** What is known of a release whatever its state. */
export interface ReleaseInfo {
  /** `<UTC second>-<short hash>[-n]`, the name of its directory; unique for ever. */
  readonly id: string;
  readonly revision: Revision;
  /** Absolute path of the release. */
  readonly path: string;
  /** Absolute path of the app in it: `path`, or below it when `directory` is set. */
  readonly appPath: string;
  /** Order of the releases; names, mtimes and clocks are never used for it. */
  readonly sequence: number;
}

export type ReleaseState =
  | "draft"
  | "prepared"
  | "linked"
  | "built"
  | "gated"
  | "migrated"
  | "active"
  | "retained"
  | "approved"
  | "cleared";

/**
 * A release in one state of its way: draft, prepared, linked, built, gated, migrated, active; for a rollback retained,
 * approved, cleared, active. Stages take one state and return the next, so that a wrong order does not compile.
 */
export interface Release<State extends ReleaseState> extends ReleaseInfo {
  readonly state: State;
}
