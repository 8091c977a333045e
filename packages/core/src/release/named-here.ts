import { realpathSync } from "node:fs";
import { isAbsolute, join, sep } from "node:path";
import { isInside } from "./inside.ts";
import type { Layout } from "./layout.ts";

/**
 * A path as this root names it, also when it leads here by another name: by a link to the root, to a folder above it, to
 * `current` or into a release. What comes after that is not followed, so that `<root>/current/…` stays what it is.
 */
export function namedHere({ root, releases }: Pick<Layout, "root" | "releases">, path: string): string {
  if (!isAbsolute(path)) return path;
  const parts = path.split(sep);
  for (let count = 2; count <= parts.length; count += 1) {
    const real = realPath(parts.slice(0, count).join(sep));
    if (real === undefined) return path;
    if (real === root || isInside(real, releases)) return join(real, ...parts.slice(count));
  }
  return path;
}

function realPath(path: string): string | undefined {
  try {
    return realpathSync.native(path);
  } catch {
    return undefined; // nothing is there, or not for this user
  }
}
