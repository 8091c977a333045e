/** The calls on disk that core makes. Errors are Node's own, with `code` and `path`. */
export interface FileSystem {
  readText(path: string): Promise<string>;
  /** Writes under a unique name beside, syncs, renames over `path` and syncs the folder: readers see the old text or the new. */
  writeAtomic(path: string, text: string, mode?: number): Promise<void>;
  /** Creates a directory and its parents. */
  makeDirectory(path: string, mode?: number): Promise<void>;
  /** Creates exactly this directory; fails with EEXIST when anything is there. */
  createDirectory(path: string, mode?: number): Promise<void>;
  list(path: string): Promise<string[]>;
  /** What is at the path itself, links not followed; `undefined` when nothing is. */
  look(path: string): Promise<FileInfo | undefined>;
  /** What the path leads to, links followed; `undefined` when nothing is there. */
  resolve(path: string): Promise<FileInfo | undefined>;
  realPath(path: string): Promise<string>;
  readLink(path: string): Promise<string>;
  link(target: string, path: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  /** Removes a file, link or whole directory; does nothing when it is not there. Links are not followed. */
  remove(path: string): Promise<void>;
  copy(from: string, to: string): Promise<void>;
  /** Gives a file or directory these permission bits. Links are followed. */
  setMode(path: string, mode: number): Promise<void>;
  /** Makes the entries of a directory durable. */
  syncDirectory(path: string): Promise<void>;
  /** Bytes that this user may still write where `path` lies. */
  freeBytes(path: string): Promise<number>;
}

export interface FileInfo {
  readonly kind: "file" | "directory" | "link" | "other";
  readonly size: number;
  readonly device: number;
  readonly inode: number;
  readonly links: number;
  /** Permission bits only. */
  readonly mode: number;
  readonly uid: number;
  readonly modifiedMs: number;
}
