import { isAbsolute, normalize } from "node:path";
import type { Revision } from "../lifecycle/release.ts";
import type { RequestFigures } from "../lifecycle/result.ts";
import { isInside } from "../release/inside.ts";
import type { CopiedFile, Downtime, PluginState, PluginStatus } from "./contexts.ts";
import { demand, isText, shown } from "./odd-answer.ts";

const FULL_HASH = /^([0-9a-f]{40}|[0-9a-f]{64})$/;
// Beside the mark of a run: what a release and its trial are told by.
const OWN_VARIABLE = /^DEPLOYER_/;

/** The answer of `detect`. Its hash names a directory, so nothing else than a hash is taken. */
export function checkedRevision(answer: unknown): Revision | undefined {
  if (answer === undefined) return undefined;
  demand(
    typeof answer === "object" && answer !== null,
    `detect must answer { hash, ref, remote }, not ${shown(answer)}`,
  );
  const { hash, ref, remote } = answer as Record<string, unknown>;
  demand(
    typeof hash === "string" && FULL_HASH.test(hash),
    `the hash must be 40 or 64 hexadecimal digits, not ${shown(hash)}`,
  );
  demand(isOneLine(ref) && ref !== "", `the ref must be a name on one line, not ${shown(ref)}`);
  demand(isOneLine(remote), `the remote must be text on one line, not ${shown(remote)}`);
  return { hash, ref, remote };
}

/** The lines of `plan`. */
export function checkedLines(answer: unknown, what: string): readonly string[] {
  demand(Array.isArray(answer), `${what} must answer a list of texts, not ${shown(answer)}`);
  for (const line of answer)
    demand(typeof line === "string", `${what} must answer a list of texts; one is ${shown(line)}`);
  return answer as string[];
}

export function checkedStatus(answer: unknown): PluginStatus {
  demand(typeof answer === "object" && answer !== null, `status must answer { lines, data }, not ${shown(answer)}`);
  const { lines, data = null } = answer as Record<string, unknown>;
  checkedJson(data, "the data of status");
  return { lines: checkedLines(lines, "status"), data };
}

export function checkedDowntime(answer: unknown): Downtime | undefined {
  if (answer === undefined) return undefined;
  const { problem, hint, canRestore } = (answer ?? {}) as Record<string, unknown>;
  demand(
    isText(problem) && isText(hint) && typeof canRestore === "boolean",
    `downtime must answer { problem, hint, canRestore } or nothing, not ${shown(answer)}`,
  );
  return { problem, hint, canRestore };
}

/** Whatever is printed or kept as JSON. */
export function checkedJson(value: unknown, what: string): void {
  let text: string | undefined;
  try {
    text = JSON.stringify(value);
  } catch {
    // Circular, or a number without end.
  }
  demand(text !== undefined, `${what} must be JSON`);
}

/** What `fill` of a substitute answers: variables for build and gate. */
export function checkedFill(answer: unknown): { readonly env: Readonly<Record<string, string>> } {
  if (answer === undefined) return { env: {} };
  demand(typeof answer === "object" && answer !== null, `fill must answer an object, as { env }, not ${shown(answer)}`);
  const { env = {} } = answer as { env?: Record<string, unknown> };
  demand(typeof env === "object" && env !== null, `env of fill must be an object, not ${shown(env)}`);
  for (const [name, value] of Object.entries(env)) {
    demand(/^[^=\0]+$/.test(name), `env of fill has ${shown(name)}, which no variable can be named`);
    demand(!OWN_VARIABLE.test(name), `env of fill has ${name}: DEPLOYER_* are the deployer's own`);
    demand(
      typeof value === "string" && !value.includes("\0"),
      `${name} in env of fill must be text, not ${shown(value)}`,
    );
  }
  return { env: env as Record<string, string> };
}

/** The same with the files that were copied, which lie below `directory`. */
export function checkedFillBeside(
  answer: unknown,
  directory: string,
): { readonly env: Readonly<Record<string, string>>; readonly copies: readonly CopiedFile[] } {
  const { env } = checkedFill(answer);
  const { copies = [] } = (answer ?? {}) as { copies?: unknown };
  demand(Array.isArray(copies), `copies of fill must be a list, not ${shown(copies)}`);
  for (const copied of copies) {
    const { name, live, copy } = (copied ?? {}) as Record<string, unknown>;
    demand(isText(name), `a copy of fill must have a name: ${shown(copied)}`);
    demand(isText(live) && isAbsolute(live), `live of a copy must be an absolute path, not ${shown(live)}`);
    demand(isText(copy) && isInside(normalize(copy), directory), `copy of ${shown(name)} must lie below ${directory}`);
  }
  return { env, copies: copies as CopiedFile[] };
}

/** The two texts of `skipGate`, `oneWay`, `veto`, `problem` and their like. */
export function checkedTexts(call: string, ...texts: readonly unknown[]): void {
  for (const text of texts) demand(isText(text), `${call} must be told in words, not ${shown(text)}`);
}

export function checkedMigrated(database: unknown, names: unknown): void {
  demand(isText(database), `migrated must be told the name of a database, not ${shown(database)}`);
  demand(Array.isArray(names) && names.every(isText), `migrated must be told a list of names, not ${shown(names)}`);
}

export function checkedFigures(figures: unknown): RequestFigures {
  const { sent, failed, worstMs } = (figures ?? {}) as Record<string, unknown>;
  const areCounts = [sent, failed, worstMs].every((value) => Number.isFinite(value) && (value as number) >= 0);
  demand(areCounts, `measured must be told { sent, failed, worstMs }, not ${shown(figures)}`);
  return figures as RequestFigures;
}

/** State of which each key and value can be kept. */
export function checkedState(state: PluginState): PluginState {
  return {
    get: (key, release) => state.get(key, release),
    set(key, value, release) {
      demand(isText(key), `a key of state must be text, not ${shown(key)}`);
      demand(release === undefined || isText(release), `the release of state must be its id, not ${shown(release)}`);
      checkedJson(value, `what state keeps as ${shown(key)}`);
      state.set(key, value, release);
    },
  };
}

function isOneLine(value: unknown): value is string {
  return typeof value === "string" && !/[\0-\x1f\x7f]/.test(value);
}
