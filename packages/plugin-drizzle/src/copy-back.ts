import Database from "better-sqlite3";

/** A snapshot, and the live file that it goes into. */
export interface CopyBack {
  readonly name: string;
  readonly path: string;
  readonly snapshot: string;
}

/** A file of the unit could not be put back. Each one is whole. */
export class CopyBackFailure extends Error {
  readonly copy: CopyBack;

  constructor(copy: CopyBack, cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
    this.copy = copy;
  }
}

/** All pages in one step: SQLite begins anew whenever the app writes between two. */
const ALL_PAGES = 0x7fffffff;
const BUSY = Symbol("somebody else writes");

/**
 * Puts snapshots into live files by SQLite's backup, which locks a file at its first step and before it copies a page.
 * Each waits until all are locked; then `check` has the last word, and what it throws leaves every file as it was.
 * @returns false, with nothing touched, when somebody else holds a lock
 * @throws what `check` throws; CopyBackFailure
 */
export async function copyBack(copies: readonly CopyBack[], check: () => void): Promise<boolean> {
  const locked = new Set<CopyBack>();
  let verdict: { readonly stopped: unknown } | "go" | undefined;
  const progress = (copy: CopyBack): number => {
    locked.add(copy);
    if (verdict === undefined && locked.size === copies.length) verdict = verdictOf(check);
    if (verdict === undefined) return 0;
    if (verdict === "go") return ALL_PAGES;
    throw verdict.stopped;
  };
  await Promise.all(
    copies.map(async (copy) => {
      try {
        const { totalPages } = await backup(copy, () => progress(copy));
        // better-sqlite3 says no more than this when the file is locked, and copies nothing.
        if (totalPages === 0) verdict ??= { stopped: BUSY };
      } catch (error) {
        if (verdict === "go") throw new CopyBackFailure(copy, error);
        verdict ??= { stopped: new CopyBackFailure(copy, error) };
      }
    }),
  );
  if (verdict === undefined || verdict === "go") return true;
  if (verdict.stopped === BUSY) return false;
  throw verdict.stopped;
}

function verdictOf(check: () => void): { readonly stopped: unknown } | "go" {
  try {
    check();
    return "go";
  } catch (error) {
    return { stopped: error };
  }
}

async function backup({ path, snapshot }: CopyBack, progress: () => number): Promise<Database.BackupMetadata> {
  const source = new Database(snapshot, { fileMustExist: true });
  try {
    return await source.backup(path, { progress });
  } finally {
    source.close();
  }
}
