import { join } from "node:path";
import { realPlace } from "./real-place.ts";

/** Where everything lies below an app's root. */
export interface Layout {
  readonly root: string;
  /** The link to the release being served. */
  readonly current: string;
  /** Real, like `shared`: either may be a link to another disk, and is compared with what `/proc` shows. */
  readonly releases: string;
  readonly shared: string;
  /** Private to the deployer: 0700 or 0600 inside. */
  readonly state: string;
  readonly store: string;
  /** The accepted releases, for a store that is lost. */
  readonly releaseList: string;
  readonly lock: string;
  readonly mirror: string;
  readonly cache: string;
  /** Intent journals of migrations, `<run>.json`. */
  readonly migrations: string;
  /** Databases as they were before a migration, `<run>/`. */
  readonly snapshots: string;
  readonly logs: string;
  readonly trash: string;
  /** Clones of the running release while one is tried, by run; gone when no run is at work. */
  readonly rehearsal: string;
  /** Failed releases that `keepFailed` keeps for a look. */
  readonly failed: string;
  /** Preload scripts by content hash; what PM2 has stored names them. */
  readonly preload: string;
  /** Private sockets of workers, `<pid>.sock`. */
  readonly sockets: string;
}

/** The places of a root, which is named by its real path. */
export function layout(root: string): Layout {
  const state = join(root, ".deployer");
  return {
    root,
    current: join(root, "current"),
    releases: realPlace(join(root, "releases")),
    shared: realPlace(join(root, "shared")),
    state,
    store: join(state, "state.db"),
    releaseList: join(state, "releases.json"),
    lock: join(state, "lock.db"),
    mirror: join(state, "repository.git"),
    cache: join(state, "cache"),
    migrations: join(state, "migrations"),
    snapshots: join(state, "snapshots"),
    logs: join(state, "logs"),
    trash: join(state, "trash"),
    rehearsal: join(state, "rehearsal"),
    failed: join(state, "failed"),
    preload: join(state, "preload"),
    sockets: join(state, "sockets"),
  };
}

/** The stand-ins for shared paths while a release is built and gated; inside the app, or bundlers refuse the link. */
export const REHEARSAL = ".rehearsal";

/** The file at the top of a release that holds its commit hash. */
export const REVISION_FILE = "REVISION";
