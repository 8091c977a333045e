/** What a plugin answered, or called core with, is not what the contract says. Told with the plugin's name, stage and step. */
export class OddAnswer extends Error {}

/** @throws OddAnswer unless it holds */
export function demand(holds: unknown, problem: string): asserts holds {
  if (!holds) throw new OddAnswer(problem);
}

export function isText(value: unknown): value is string {
  return typeof value === "string" && value !== "";
}

/** A value in a message, cut short. */
export function shown(value: unknown): string {
  let text: string | undefined;
  try {
    text = JSON.stringify(value);
  } catch {
    // Circular, or a number without end.
  }
  return (text ?? String(value)).slice(0, 200);
}
