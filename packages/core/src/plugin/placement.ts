import type { Placement } from "./plugin.ts";

export interface Placed extends Placement {
  readonly plugin: string;
}

/**
 * The entries in the order in which they run: that of the config file, moved only as far as `before` and `after` ask.
 * @throws an Error that names an unknown plugin or a circle
 */
export function inOrder<T extends Placed>(entries: readonly T[], plugins: readonly string[]): T[] {
  for (const entry of entries) {
    for (const name of [...names(entry.before), ...names(entry.after)]) {
      if (!plugins.includes(name))
        throw new Error(`"${entry.plugin}" wants a place beside "${name}", which is not among the plugins`);
    }
  }
  const ordered: T[] = [];
  const waiting = [...entries];
  while (waiting.length > 0) {
    const index = waiting.findIndex((entry) =>
      waiting.every((other) => other === entry || !mustComeBefore(other, entry)),
    );
    if (index === -1)
      throw new Error(`the places of ${waiting.map((entry) => `"${entry.plugin}"`).join(", ")} go in a circle`);
    ordered.push(...waiting.splice(index, 1));
  }
  return ordered;
}

function mustComeBefore(a: Placed, b: Placed): boolean {
  return a.plugin !== b.plugin && (names(a.before).includes(b.plugin) || names(b.after).includes(a.plugin));
}

function names(value: string | readonly string[] | undefined): readonly string[] {
  return value === undefined ? [] : typeof value === "string" ? [value] : value;
}
