import { demand, isText, shown } from "../plugin/odd-answer.ts";
import { isInside } from "./inside.ts";
import { overlap, refusal } from "./shared-list.ts";
import type { SharedPath, Substitute } from "./shared-path.ts";

const owners = new WeakMap<Substitute, string>();

/** The plugin that offered a substitute. */
export function ownerOf(substitute: Substitute): string {
  return owners.get(substitute) ?? "core";
}

/**
 * The list that a plugin's `link` answered: what it was given, unchanged but for its own substitutes, and what it adds
 * under the rules of the config.
 */
export function answeredShared(given: readonly SharedPath[], answer: unknown, plugin: string): readonly SharedPath[] {
  demand(Array.isArray(answer), `link must answer a list of shared paths, not ${shown(answer)}`);
  const entries = answer.map(checkedEntry);
  for (const entry of given) {
    const same = entries.filter(({ path }) => path === entry.path);
    demand(same.length > 0, `"${entry.path}" is missing from the list that link answered; it is shared by others`);
    demand(
      same.some((other) => isKept(entry, other)),
      `link changed "${entry.path}", which is shared by others; it may only add substitutes`,
    );
  }
  for (const [index, entry] of entries.entries()) {
    const problem = refusal(entry) ?? overlap(entry, entries.slice(0, index));
    demand(problem === undefined, `it shares "${entry.path}": ${problem}`);
  }
  const before = new Set(given.flatMap(({ substitutes = [] }) => substitutes));
  const substitutes = new Set(entries.flatMap((entry) => entry.substitutes ?? []));
  for (const substitute of substitutes) if (!before.has(substitute)) owners.set(substitute, plugin);
  refuseTwice([...substitutes]);
  return entries;
}

/** The same list for another to hold: what is done to it, or to its entries, changes nothing here. */
export function copiedShared(paths: readonly SharedPath[]): readonly SharedPath[] {
  return paths.map(copied);
}

/** Read once, and no longer the plugin's: what was checked is what is used. */
function checkedEntry(answered: SharedPath | null): SharedPath {
  demand(
    typeof answered === "object" && answered !== null,
    `a shared path must be { path, kind }, not ${shown(answered)}`,
  );
  const entry = copied(answered);
  const { path, kind, mayBeMissing = false, seed = false, substitutes = [] } = entry;
  demand(isText(path) && isPlain(path), `it shares ${shown(path)}, which is no plain path relative to the app`);
  demand(kind === "file" || kind === "directory", `the kind of "${path}" must be "file" or "directory"`);
  demand(
    typeof mayBeMissing === "boolean" && typeof seed === "boolean",
    `mayBeMissing and seed of "${path}" are true or false`,
  );
  demand(Array.isArray(substitutes), `substitutes of "${path}" must be a list`);
  for (const substitute of substitutes) checkSubstitute(path, substitute);
  return entry;
}

/** Substitutes stay the objects that they are: a plugin's own. */
function copied(entry: SharedPath): SharedPath {
  return Array.isArray(entry.substitutes) ? { ...entry, substitutes: [...entry.substitutes] } : { ...entry };
}

function checkSubstitute(path: string, substitute: Substitute | null): void {
  const { owns, fill, settle } = substitute ?? {};
  const areWithin = Array.isArray(owns) && owns.every((own) => isText(own) && isPlain(own) && isInside(own, path));
  demand(areWithin, `owns of the substitute for "${path}" must list that path, or paths below it, not ${shown(owns)}`);
  demand(typeof fill === "function", `the substitute for "${path}" must have a function fill`);
  demand(
    settle === undefined || typeof settle === "function",
    `settle of the substitute for "${path}" must be a function`,
  );
}

function isPlain(path: string): boolean {
  return !path.includes("\0") && path.split("/").every((part) => part !== "" && part !== "." && part !== "..");
}

function isKept(before: SharedPath, now: SharedPath): boolean {
  return (
    before.kind === now.kind &&
    Boolean(before.mayBeMissing) === Boolean(now.mayBeMissing) &&
    Boolean(before.seed) === Boolean(now.seed) &&
    (before.substitutes ?? []).every((substitute) => now.substitutes?.includes(substitute))
  );
}

/** Of two copies in one place the second would be tried, and the first one's plugin would look at it. */
function refuseTwice(substitutes: readonly Substitute[]): void {
  const owned = substitutes.flatMap(({ owns }) => owns);
  const twice = owned.find((path, index) => owned.indexOf(path) !== index);
  demand(twice === undefined, `"${twice}" is substituted by two`);
}
