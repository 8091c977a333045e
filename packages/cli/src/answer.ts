/** What a person reads: the answer itself, or its `text`. */
export function textOf(answer: unknown): string | undefined {
  const text = typeof answer === "object" && answer !== null && "text" in answer ? answer.text : answer;
  return typeof text === "string" ? text : undefined;
}

/** For programs: the `text` says nothing that the rest does not, unless there is no rest. */
export function dataOf(answer: unknown): unknown {
  if (typeof answer !== "object" || answer === null || Array.isArray(answer)) return answer ?? {};
  const { text: _text, ...data } = answer as { text?: unknown };
  return Object.keys(data).length === 0 ? answer : data;
}
