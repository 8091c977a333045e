import { basename, dirname, isAbsolute, join, relative, sep } from "node:path";
import { coreError } from "../errors/catalog.ts";
import { RUN_VARIABLE } from "../lifecycle/run-mark.ts";
import type { Context, CopiedFile, Trial } from "../plugin/contexts.ts";
import type { FileInfo } from "../ports/file-system.ts";
import type { OpenFile } from "../ports/process-table.ts";
import { isInside } from "../release/inside.ts";
import { REHEARSAL } from "../release/layout.ts";

/** Which databases a trial opened, as far as it can be seen. */
export interface TrialEvidence {
  /**
   * Looks at the open files of a process and of all that it started; best after an answer.
   * @throws ERR_TRIAL_LIVE_DATABASE, ERR_TRIAL_PRIVATE_DATABASE
   */
  look(pid: number): Promise<void>;
  /** Tells which copies were opened, of which that was not seen, and where connections led to. */
  tell(): void;
}

const DATABASE = /\.(db|db3|sqlite|sqlite3)$/;
const COMPANIONS = ["-wal", "-shm", "-journal"] as const;

/**
 * Healthy is not enough: a server may be healthy on a live database, or on one that a build copied into the release and
 * that dies with it. Databases are told by device and inode, so that no link or other name hides one.
 */
export async function watchTrial(
  context: Context & { readonly copies: readonly CopiedFile[] },
  trial: Trial,
): Promise<TrialEvidence> {
  const { fs, processes, copies } = context;
  const roots = await Promise.all([trial.release.path, trial.directory].map((path) => fs.realPath(path)));
  let before = await Promise.all(copies.map((copy) => traceOf(context, copy)));
  const opened = new Set<string>();
  const nearby = new Set<string>();
  const connections = new Set<string>();
  const family = new Set<number>();
  const known = new Set(await processes.pids());

  const judge = (file: OpenFile, places: readonly Place[]): void => {
    for (const { copy, live, standIn } of places) {
      if (isFile(file, live)) throw liveDatabase(copy, trial);
      if (isFile(file, standIn)) return void opened.add(copy.name);
    }
    const path = file.path.replace(/ \(deleted\)$/, "");
    const isOfCopies = copies.some(({ name }) => basename(name) === basename(path));
    if (!file.writable || !(DATABASE.test(path) || isOfCopies)) return;
    const root = roots.find((candidate) => isInside(path, candidate));
    if (root === undefined || path.slice(root.length).split(sep).some(isLeftAlone)) return;
    throw privateDatabase(path, trial);
  };

  return {
    async look(pid) {
      family.add(pid);
      for (const other of await processes.pids()) {
        if (known.has(other)) continue;
        known.add(other);
        if (await isOfTrial(context, other)) family.add(other);
      }
      const places = await Promise.all(copies.map((copy) => placeOf(context, copy)));
      for (const member of family) {
        for (const file of await processes.openFiles(member)) judge(file, places);
        for (const connection of await processes.connections(member)) connections.add(connection);
      }
      const now = await Promise.all(copies.map((copy) => traceOf(context, copy)));
      const changed = copies.filter((_copy, index) => now[index]?.files !== before[index]?.files);
      for (const { name } of changed) opened.add(name);
      // A companion that is there now explains that its folder changed; one that came and went explains nothing.
      const explained = new Set(changed.map(({ copy }) => dirname(copy)));
      for (const [index, { name, copy }] of copies.entries()) {
        if (now[index]?.folder !== before[index]?.folder && !explained.has(dirname(copy))) nearby.add(name);
      }
      before = now;
    },

    tell() {
      if (connections.size > 0) {
        context.info(
          `The trial was connected to ${[...connections].sort().join(", ")}: what it writes there is not on copies.`,
        );
      }
      const unseen = copies.map(({ name }) => name).filter((name) => !opened.has(name));
      const maybe = unseen.filter((name) => nearby.has(name));
      const never = unseen.filter((name) => !nearby.has(name));
      if (opened.size > 0) context.info(`The trial opened the copies of ${[...opened].sort().join(", ")}.`);
      if (maybe.length > 0) {
        context.info(
          `Not seen which database the trial opened for ${maybe.join(", ")}: something came and went beside the copies, as when each request opens and closes its own connection.`,
        );
      }
      if (never.length > 0) {
        context.info(
          `Not seen which database the trial opened for ${never.join(", ")}: let the health check read from it, and it will be.`,
        );
      }
    },
  };
}

/** What stands now at the two ends of a copy. */
interface Place {
  readonly copy: CopiedFile;
  readonly live: FileInfo | undefined;
  readonly standIn: FileInfo | undefined;
}

async function placeOf({ fs }: Context, copy: CopiedFile): Promise<Place> {
  return { copy, live: await fs.resolve(copy.live), standIn: await fs.resolve(copy.copy) };
}

/** A package's own files, and the copies. */
function isLeftAlone(folder: string): boolean {
  return folder === "node_modules" || folder === REHEARSAL;
}

/** By the mark in its environment, so that a child which left its parent and its process group is found, too. */
async function isOfTrial({ processes, run }: Context, pid: number): Promise<boolean> {
  const environment = await processes.environment(pid);
  return environment?.[RUN_VARIABLE] === run.id && environment.DEPLOYER_GATE !== undefined;
}

/**
 * What a connection leaves even when it is closed before anyone looks: it changes the file or its companions, or makes
 * and removes these, which only their folder shows.
 */
async function traceOf({ fs }: Context, { copy }: CopiedFile): Promise<{ files: string; folder: string }> {
  const found = await Promise.all(["", ...COMPANIONS].map((end) => fs.look(`${copy}${end}`)));
  const folder = await fs.look(dirname(copy));
  return { files: found.map(text).join(" "), folder: text(folder) };
}

function text(info: FileInfo | undefined): string {
  return info === undefined ? "-" : `${info.inode}:${info.size}:${info.modifiedMs}`;
}

function isFile(open: OpenFile, info: FileInfo | undefined): boolean {
  return info !== undefined && open.device === info.device && open.inode === info.inode;
}

function liveDatabase({ name, live, copy }: CopiedFile, trial: Trial): Error {
  const byVariable = "by the variable that the database plugin knows (`env`)";
  const byPath = `by its path in the release (path.join(process.cwd(), ${JSON.stringify(name)})), or ${byVariable}, not by an absolute path`;
  return coreError("ERR_TRIAL_LIVE_DATABASE", {
    message: `On trial (${trial.label}) the app opened the live database ${live}, though a copy stands at ${isAbsolute(name) ? copy : join(trial.directory, name)}.`,
    hint: `Have it opened ${isAbsolute(name) ? byVariable : byPath}.`,
    details: { live, release: trial.release.id },
  });
}

function privateDatabase(path: string, trial: Trial): Error {
  return coreError("ERR_TRIAL_PRIVATE_DATABASE", {
    message: `On trial (${trial.label}) the app opened ${path} for writing: a database inside the release, which is lost with it.`,
    hint: `Add its folder to \`shared\` (${JSON.stringify(sharedHint(path, trial))}). If it is shared already, the build copied it there: build with the node plugin, or leave it out of the output (outputFileTracingExcludes).`,
    details: { path, release: trial.release.id },
  });
}

function sharedHint(path: string, trial: Trial): string {
  const below = isInside(path, trial.directory) ? relative(trial.directory, path) : basename(path);
  const folder = dirname(below.replace(/^.*\/standalone\//, ""));
  return folder === "." ? basename(below) : `${folder}/`;
}
