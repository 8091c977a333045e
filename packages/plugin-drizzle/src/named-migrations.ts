import { join } from "node:path";
import type { FileSystem } from "@deployer/core";
import { z } from "zod";
import { folderError, type Migration, migrationOf } from "./migrations-folder.ts";

interface Snapshot {
  readonly id: string;
  readonly prevIds: readonly string[];
}

const snapshotSchema: z.ZodType<Snapshot> = z.object({ id: z.string(), prevIds: z.array(z.string()) });

interface Named {
  readonly name: string;
  readonly when: number;
  /** What its snapshot says of its place; a custom migration may have none. */
  readonly snapshot: Snapshot | undefined;
}

/** Reads the folders of drizzle-kit 1.0: `20261121090000_name/migration.sql`, with `snapshot.json` beside it. */
export async function readNamedMigrations(
  folder: string,
  names: readonly string[],
  fs: FileSystem,
): Promise<Migration[]> {
  const named: Named[] = [];
  for (const name of names) named.push(await readNamed(folder, name, fs));
  const migrations: Migration[] = [];
  for (const { name, when } of inOrder(named)) {
    const text = await fs.readText(join(folder, name, "migration.sql"));
    migrations.push({ ...migrationOf(name, when, text), name });
  }
  return migrations;
}

/**
 * By time, then by name as drizzle does, except that none comes before one that it builds on: `drizzle-kit up` gives
 * migrations of one second names in any order.
 */
export function inOrder(named: readonly Named[]): Named[] {
  const waiting = [...named].sort((a, b) => a.when - b.when || (a.name < b.name ? -1 : 1));
  const ordered: Named[] = [];
  while (waiting.length > 0) {
    const { when } = waiting[0]!;
    const same = waiting.filter((it) => it.when === when);
    const next = same.find((it) => !same.some((other) => other !== it && buildsOn(it, other))) ?? same[0]!;
    waiting.splice(waiting.indexOf(next), 1);
    ordered.push(next);
  }
  return ordered;
}

function buildsOn({ snapshot }: Named, other: Named): boolean {
  return other.snapshot !== undefined && (snapshot?.prevIds.includes(other.snapshot.id) ?? false);
}

async function readNamed(folder: string, name: string, fs: FileSystem): Promise<Named> {
  const digits = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(?!\d)/.exec(name)?.slice(1).map(Number);
  if (digits === undefined) {
    throw folderError(
      folder,
      `has a migration whose name does not begin with its time: ${name}`,
      "Name it as drizzle-kit 1.0 does: 14 digits of UTC time, then a word (20261121090000_name).",
    );
  }
  const [year, month, day, hour, minute, second] = digits as [number, number, number, number, number, number];
  return {
    name,
    when: Date.UTC(year, month - 1, day, hour, minute, second),
    snapshot: await readSnapshot(folder, name, fs),
  };
}

async function readSnapshot(folder: string, name: string, fs: FileSystem): Promise<Snapshot | undefined> {
  const path = join(folder, name, "snapshot.json");
  if ((await fs.resolve(path)) === undefined) return undefined;
  try {
    return snapshotSchema.parse(JSON.parse(await fs.readText(path)));
  } catch (cause) {
    throw folderError(
      folder,
      `has a ${name}/snapshot.json that cannot be read`,
      "Restore it; a merge may have left conflict marks.",
      cause,
    );
  }
}
