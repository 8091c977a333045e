/** Every value begins with so many characters that are looked up at each place of a text. */
const HEAD = 4;
const BUCKETS = 1 << 16;

/** Where values stand in a text: `[start, end)`, in order and apart. `rest`: what is missing of one that is cut off at the end. */
export interface Found {
  readonly places: readonly (readonly [number, number])[];
  readonly rest: string | undefined;
}

/**
 * Looks for thousands of values at once, in one pass: a table of their first characters says at once where none can
 * begin. Values have six characters or more.
 */
export function valueFinder(values: Iterable<string>): (text: string) => Found {
  const known = [...new Set(values)].sort((a, b) => b.length - a.length);
  const buckets = new Map<number, string[]>();
  const isHead = new Uint8Array(BUCKETS);
  for (const value of known) {
    const key = keyAt(value, 0);
    isHead[key] = 1;
    buckets.set(key, [...(buckets.get(key) ?? []), value]);
  }
  return (text) => {
    const places: [number, number][] = [];
    let rest: string | undefined;
    if (known.length === 0) return { places, rest };
    for (let at = 0; at + HEAD <= text.length; at += 1) {
      const key = keyAt(text, at);
      if (isHead[key] === 0) continue;
      const bucket = buckets.get(key) ?? [];
      const whole = bucket.find((value) => text.startsWith(value, at));
      const cut = whole === undefined ? cutOff(bucket, text, at) : undefined;
      const end = whole === undefined ? text.length : at + whole.length;
      if (whole === undefined && cut === undefined) continue;
      places.push([at, end]);
      rest = cut;
      at = end - 1;
    }
    return { places, rest };
  };
}

/** What is missing of a value that begins here and does not end in this text. */
function cutOff(values: readonly string[], text: string, at: number): string | undefined {
  const begun = text.slice(at);
  return values.find((value) => value.startsWith(begun))?.slice(begun.length);
}

function keyAt(text: string, at: number): number {
  return (
    (text.charCodeAt(at) * 7919 +
      text.charCodeAt(at + 1) * 1543 +
      text.charCodeAt(at + 2) * 131 +
      text.charCodeAt(at + 3)) &
    (BUCKETS - 1)
  );
}
