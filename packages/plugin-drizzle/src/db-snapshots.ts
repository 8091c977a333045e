import { type CommandContext, formatBytes } from "@deployer/core";
import { pastMigrations } from "./past-migrations.ts";
import { isRestore } from "./restore-journal.ts";
import { isUndo } from "./undo-journal.ts";
import { isSameMark, writeMark } from "./write-mark.ts";

export interface SnapshotList {
  readonly text: string;
  readonly snapshots: readonly ListedSnapshot[];
}

interface ListedSnapshot {
  readonly run: string;
  readonly at: string;
  /** What came right after it. */
  readonly before: "migration" | "undo" | "restore";
  readonly databases: readonly {
    readonly name: string;
    readonly file: string;
    readonly bytes: number;
    readonly migrations: readonly string[];
    /** "no": nothing was written since; "perhaps": something was, or it cannot be told. */
    readonly writtenSince: "no" | "perhaps";
  }[];
}

/** The snapshots that are kept, newest first. Touches nothing. */
export async function listSnapshots(context: CommandContext): Promise<SnapshotList> {
  const past = (await pastMigrations(context)).filter(({ hasSnapshots }) => hasSnapshots);
  const snapshots = await Promise.all(
    past.map(async ({ journal }) => ({
      run: journal.run,
      at: journal.at,
      before: isUndo(journal) ? ("undo" as const) : isRestore(journal) ? ("restore" as const) : ("migration" as const),
      databases: await Promise.all(
        journal.databases
          .filter(({ snapshot }) => snapshot !== null)
          .map(async ({ name, path, snapshot, pending, committed }) => ({
            name,
            file: snapshot!,
            bytes: (await size(snapshot!, context)) + (await size(`${snapshot}-wal`, context)),
            migrations: pending.map(({ tag }) => tag),
            writtenSince: isSameMark(committed, writeMark(path)) ? ("no" as const) : ("perhaps" as const),
          })),
      ),
    })),
  );
  return { text: snapshots.length === 0 ? "There is no snapshot." : snapshots.map(describe).join("\n"), snapshots };
}

function describe({ run, at, before, databases }: ListedSnapshot): string {
  const lines = databases.map(
    ({ name, bytes, migrations, writtenSince }) =>
      `  ${name}: ${formatBytes(bytes)}, before ${before === "migration" ? "" : `the ${before} of `}${migrations.join(", ")}${writtenSince === "no" ? "; nothing was written since" : ""}`,
  );
  return [`${run} (${at})`, ...lines].join("\n");
}

async function size(path: string, { fs }: CommandContext): Promise<number> {
  return (await fs.resolve(path))?.size ?? 0;
}
