import type { PluginState } from "@deployer/core";
import type { AppliedMigration } from "./applied.ts";
import { isSafeBeside } from "./judgements.ts";

/** A migration that this deployer committed, or was about to. */
export interface CommittedMigration extends AppliedMigration {
  readonly tag: string;
  readonly run: string;
  /** The release that brought it. */
  readonly release: string;
  /** The release that was served meanwhile: what the migration had to be compatible with. */
  readonly previous: string | null;
}

/** What runs remember of a database, by its file: names in the config may change. */
interface Memory {
  readonly version: 1;
  /** It was there once, so from then on its absence is an accident. */
  readonly seen: boolean;
  readonly committed: readonly CommittedMigration[];
}

const NOTHING: Memory = { version: 1, seen: false, committed: [] };

export function wasSeen(state: PluginState, file: string): boolean {
  return recall(state, file).seen;
}

export function rememberSeen(state: PluginState, file: string): void {
  if (!wasSeen(state, file)) state.set(key(file), { ...recall(state, file), seen: true });
}

/**
 * Written before the first COMMIT: a kill right after it must not leave rows that nobody vouches for. One that was then
 * not committed does no harm, because only rows that are in a database are looked up.
 */
export function rememberCommitting(state: PluginState, file: string, migrations: readonly CommittedMigration[]): void {
  const hashes = new Set(migrations.map(({ hash }) => hash));
  const others = recall(state, file).committed.filter(({ hash }) => !hashes.has(hash));
  state.set(key(file), { ...recall(state, file), committed: [...others, ...migrations] });
}

/**
 * Splits rows that a release does not know: those that this deployer committed and judged safe, those that it committed
 * although they broke the release before, and those of unknown origin.
 */
export function vouchFor(
  state: PluginState,
  file: string,
  rows: readonly AppliedMigration[],
): {
  readonly ours: readonly CommittedMigration[];
  readonly breaking: readonly CommittedMigration[];
  readonly foreign: readonly AppliedMigration[];
} {
  const { committed } = recall(state, file);
  const find = ({ hash, when }: AppliedMigration): CommittedMigration | undefined =>
    committed.find((migration) => migration.hash === hash && migration.when === when);
  const committedRows = rows.flatMap((row) => find(row) ?? []);
  return {
    ours: committedRows.filter((row) => isSafeBeside(state, file, row)),
    breaking: committedRows.filter((row) => !isSafeBeside(state, file, row)),
    foreign: rows.filter((row) => find(row) === undefined),
  };
}

/** Each release keeps the hashes that it knows, for a rollback to it. */
export function rememberKnown(
  state: PluginState,
  release: string,
  known: Readonly<Record<string, readonly string[]>>,
): void {
  state.set("known", { version: 1, known }, release);
}

export function knownHashes(state: PluginState, release: string, file: string): readonly string[] {
  return state.get<{ known: Record<string, readonly string[]> }>("known", release)?.known[file] ?? [];
}

function recall(state: PluginState, file: string): Memory {
  return state.get<Memory>(key(file)) ?? NOTHING;
}

function key(file: string): string {
  return `database:${file}`;
}
