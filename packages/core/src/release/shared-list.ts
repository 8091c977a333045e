import type { ConfigProblem } from "../config/resolve.ts";
import type { SharedInput } from "../config/schema.ts";
import { isInside } from "./inside.ts";
import { REHEARSAL, REVISION_FILE } from "./layout.ts";
import type { SharedPath } from "./shared-path.ts";

// Node's own, the release's own, and what a build makes anew: never shared.
const RESERVED_PATHS = new Set([REVISION_FILE, REHEARSAL, "node_modules", ".git"]);

/** The config's `shared` list as entries; what is not allowed goes to `problems`. */
export function parseShared(list: readonly SharedInput[], problems: ConfigProblem[]): SharedPath[] {
  const entries = list.map((item): SharedPath => {
    const given = typeof item === "string" ? { path: item } : item;
    const kind = given.path.endsWith("/") ? "directory" : "file";
    const path = given.path
      .split("/")
      .filter((part) => part !== "" && part !== ".")
      .join("/");
    return {
      path,
      kind,
      ...("mayBeMissing" in given && given.mayBeMissing ? { mayBeMissing: true } : {}),
      ...("seed" in given && given.seed ? { seed: true } : {}),
    };
  });
  for (const [index, entry] of entries.entries()) {
    const problem = refusal(entry) ?? overlap(entry, entries.slice(0, index));
    if (problem !== undefined) problems.push({ option: `shared[${index}]`, problem });
  }
  return entries;
}

/** Why an entry cannot be shared, or `undefined`. */
export function refusal(entry: SharedPath): string | undefined {
  const first = entry.path.split("/")[0] ?? "";
  if (entry.path === "") return "the app itself cannot be shared";
  if (RESERVED_PATHS.has(first)) return `"${first}" belongs to the release and cannot be shared`;
  if (/-(wal|shm|journal)$/.test(entry.path))
    return "SQLite's companion files follow their database by themselves: share the database or its directory";
  return undefined;
}

/** Why an entry cannot stand beside the others, or `undefined`. The same entry twice is no overlap. */
export function overlap(entry: SharedPath, others: readonly SharedPath[]): string | undefined {
  for (const other of others) {
    if (other.path === entry.path && other.kind !== entry.kind)
      return `"${entry.path}" is named as a file and as a directory`;
    if (entry.path !== other.path && (isInside(entry.path, other.path) || isInside(other.path, entry.path))) {
      return `"${entry.path}" overlaps "${other.path}": share the outer one only`;
    }
  }
  return undefined;
}

/** One list in which equal entries have become one: it may be missing only when all say so; substitutes add up. */
export function mergeShared(paths: readonly SharedPath[]): SharedPath[] {
  const merged = new Map<string, SharedPath>();
  for (const entry of paths) {
    const other = merged.get(entry.path);
    merged.set(entry.path, other === undefined || other === entry ? entry : join(other, entry));
  }
  return [...merged.values()];
}

function join(a: SharedPath, b: SharedPath): SharedPath {
  const substitutes = [...new Set([...(a.substitutes ?? []), ...(b.substitutes ?? [])])];
  return {
    path: a.path,
    kind: a.kind,
    mayBeMissing: Boolean(a.mayBeMissing && b.mayBeMissing),
    seed: Boolean(a.seed || b.seed),
    ...(substitutes.length > 0 ? { substitutes } : {}),
  };
}
