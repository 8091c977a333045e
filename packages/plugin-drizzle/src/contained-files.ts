import { containedPath, type FileSystem } from "@deployer/core";

/** A file system that follows no link of a release out of it. What it reads may end in a message, or run as SQL. */
export function containedFiles(fs: FileSystem, top: string): FileSystem {
  return {
    ...fs,
    readText: async (path) => fs.readText(await containedPath(fs, top, path)),
    list: async (path) => fs.list(await containedPath(fs, top, path)),
  };
}
