import { execFileSync } from "node:child_process";
import { statSync } from "node:fs";

/**
 * The state of a database file as far as writes show in it: two equal marks mean that nothing was committed in between.
 * In WAL mode it is the header of the wal-index (last frame, salts), which readers and checkpoints leave
 * alone. Without one (no process has the file open), size and time of the main file.
 */
export type WriteMark =
  | { readonly kind: "wal"; readonly header: string }
  | { readonly kind: "file"; readonly bytes: number; readonly modified: string };

/** Reads the mark of a database, by a process of its own: closing -shm here would drop the locks that this one holds. */
export function writeMark(path: string): WriteMark | undefined {
  const wal = statSync(`${path}-wal`, { throwIfNoEntry: false });
  if (wal !== undefined && wal.size > 0) return walMark(path);
  const file = statSync(path, { throwIfNoEntry: false, bigint: true });
  return file && { kind: "file", bytes: Number(file.size), modified: String(file.mtimeNs) };
}

export function isSameMark(one: WriteMark | null | undefined, other: WriteMark | null | undefined): boolean {
  return one != null && other != null && JSON.stringify(one) === JSON.stringify(other);
}

function walMark(path: string): WriteMark | undefined {
  try {
    const text = execFileSync("od", ["-An", "-v", "-tu4", "-w4", "-N48", `${path}-shm`], { encoding: "utf8" });
    const words = text.trim().split(/\s+/);
    // mxFrame and the two salts; counted from 0 in the first copy of the header. A commit adds a frame, or begins the log
    // anew with other salts; the change counter beside them also starts from 0 when the app did.
    return { kind: "wal", header: [4, 8, 9].map((index) => words[index]).join(" ") };
  } catch {
    return undefined;
  }
}
