import { sep } from "node:path";

/** Whether a path is a folder or lies below it, by their text: both normal, and real where links may stand in them. */
export function isInside(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder.endsWith(sep) ? folder : `${folder}${sep}`);
}
