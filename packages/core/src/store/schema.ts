const RUNS = `
  CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;

  CREATE TABLE runs (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,               -- deploy | rollback | reload | command
    reason TEXT NOT NULL,             -- what was asked for: check, deploy v2, rollback
    holder TEXT NOT NULL,             -- JSON: user, host, since, process identity
    plugins TEXT NOT NULL,            -- JSON: names and options, for the recovery of this run
    revision TEXT,                    -- JSON
    release TEXT,
    previous TEXT,
    previous_link TEXT,               -- what current was, word for word: it may have been made by another tool
    stage TEXT,
    accepted INTEGER NOT NULL DEFAULT 0,
    migrated TEXT NOT NULL DEFAULT '{}',
    started_at INTEGER NOT NULL,
    ended_at INTEGER,
    result TEXT                       -- JSON: the RunResult
  ) STRICT;

  CREATE TABLE steps (
    run TEXT NOT NULL REFERENCES runs (id),
    stage TEXT NOT NULL,
    step TEXT NOT NULL,
    outcome TEXT NOT NULL,
    milliseconds INTEGER NOT NULL,
    waited_ms INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX steps_of_run ON steps (run);

  CREATE TABLE releases (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    revision TEXT NOT NULL,           -- JSON
    run TEXT,
    status TEXT NOT NULL,             -- making | successful | failed | removed
    shared TEXT NOT NULL DEFAULT '[]',
    ever_current INTEGER NOT NULL DEFAULT 0,
    created_at INTEGER NOT NULL,
    activated_at INTEGER
  ) STRICT;

  -- The last hash decided on, by watched ref: check compares with this, never with what runs.
  CREATE TABLE decisions (
    watched TEXT PRIMARY KEY,
    hash TEXT NOT NULL,
    verdict TEXT NOT NULL,            -- deployed | held | rolled-back | passed-over
    code TEXT,
    reason TEXT,
    run TEXT,
    config TEXT,                      -- hash of the config it was decided under
    at INTEGER NOT NULL
  ) STRICT;

  CREATE TABLE plugin_state (
    plugin TEXT NOT NULL,
    release TEXT NOT NULL DEFAULT '',
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (plugin, release, key)
  ) STRICT;
`;

const OUTAGES = `
  -- Checks that failed for the same thing, one after another: what is told once, and counted.
  CREATE TABLE outages (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    code TEXT NOT NULL,
    gist TEXT NOT NULL,               -- by which the next failure is known to be the same
    message TEXT NOT NULL,            -- that of the last check
    exit_code INTEGER NOT NULL,
    checks INTEGER NOT NULL,
    began_at INTEGER NOT NULL,
    last_at INTEGER NOT NULL,
    ended_at INTEGER,
    tellings INTEGER NOT NULL,        -- how often a quiet check told it
    told_at INTEGER NOT NULL,
    end_told INTEGER NOT NULL DEFAULT 0
  ) STRICT;
`;

/** What makes a store of each version from the one before. Never changed once released: stores on disk begin anywhere. */
export const STORE_UPGRADES: readonly string[] = [RUNS, OUTAGES];

/** Version of the tables; a store of a newer one is refused. */
export const STORE_VERSION: number = STORE_UPGRADES.length;
