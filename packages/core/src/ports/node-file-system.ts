import { randomUUID } from "node:crypto";
import { lstatSync, readdirSync, readFileSync, readlinkSync, realpathSync, type Stats, statSync } from "node:fs";
import * as fs from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { FileInfo, FileSystem } from "./file-system.ts";

// What takes the kernel some microseconds is asked at once: by way of the thread pool it takes ten times as long, and a
// check is made of little else.
export const nodeFileSystem: FileSystem = {
  readText: async (path) => readFileSync(path, "utf8"),

  async writeAtomic(path, text, mode = 0o644) {
    const temporary = join(dirname(path), `.${basename(path)}.${randomUUID()}`);
    try {
      const file = await fs.open(temporary, "wx", mode);
      try {
        await file.writeFile(text);
        await file.sync();
      } finally {
        await file.close();
      }
      await fs.rename(temporary, path);
    } catch (error) {
      await fs.rm(temporary, { force: true });
      throw error;
    }
    await syncDirectory(dirname(path));
  },

  // Not by mkdir's own `recursive`: it never returns where a folder that is there answers ENOENT, as /proc and autofs do.
  // Whatever the umask is, nothing of ours is for every user to write.
  async makeDirectory(path, mode = 0o775) {
    const parent = dirname(path);
    if ((await nodeFileSystem.resolve(parent)) === undefined && parent !== path)
      await nodeFileSystem.makeDirectory(parent, mode);
    try {
      await fs.mkdir(path, mode);
    } catch (error) {
      if ((await nodeFileSystem.resolve(path))?.kind !== "directory") throw error;
    }
  },
  createDirectory: (path, mode) => fs.mkdir(path, mode),
  list: async (path) => readdirSync(path),
  look: async (path) => found(() => lstatSync(path, { throwIfNoEntry: false })),
  resolve: async (path) => found(() => statSync(path, { throwIfNoEntry: false })),
  realPath: async (path) => realpathSync.native(path),
  readLink: async (path) => readlinkSync(path),
  link: (target, path) => fs.symlink(target, path),
  rename: (from, to) => fs.rename(from, to),
  // The retries are for a directory that a process being ended still writes to.
  remove: (path) => fs.rm(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 }),
  copy: (from, to) => fs.cp(from, to, { recursive: true, preserveTimestamps: true, verbatimSymlinks: true }),
  setMode: (path, mode) => fs.chmod(path, mode),
  syncDirectory,

  async freeBytes(path) {
    const { bavail, bsize } = await fs.statfs(path);
    return bavail * bsize;
  },
};

async function syncDirectory(path: string): Promise<void> {
  const directory = await fs.open(path, "r");
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

function info(stats: Stats): FileInfo {
  return {
    kind: stats.isSymbolicLink() ? "link" : stats.isDirectory() ? "directory" : stats.isFile() ? "file" : "other",
    size: stats.size,
    device: stats.dev,
    inode: stats.ino,
    links: stats.nlink,
    mode: stats.mode & 0o7777,
    uid: stats.uid,
    modifiedMs: stats.mtimeMs,
  };
}

function found(look: () => Stats | undefined): FileInfo | undefined {
  try {
    const stats = look();
    return stats && info(stats);
  } catch (error) {
    // A link that leads in a circle (ELOOP) leads to nothing.
    if (["ENOENT", "ENOTDIR", "ELOOP"].includes((error as NodeJS.ErrnoException).code ?? "")) return undefined;
    throw error;
  }
}
