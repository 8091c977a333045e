import { realpathSync } from "node:fs";
import { basename, dirname, join } from "node:path";

/** A path without links in it. What is not there yet keeps its name, below the real path of what is. */
export function realPlace(path: string): string {
  try {
    return realpathSync.native(path);
  } catch {
    const parent = dirname(path);
    return parent === path ? path : join(realPlace(parent), basename(path));
  }
}
