const INTERVAL_MS = 25;

/**
 * Waits for the thing itself: until `look` answers something other than `undefined`, `false` or `null`.
 * @throws an Error that names what was waited for, after the deadline
 */
export async function until<T>(
  what: string,
  look: () => T | Promise<T>,
  deadlineMs = 60_000,
): Promise<Exclude<T, undefined | null | false>> {
  const deadline = performance.now() + deadlineMs;
  for (;;) {
    const seen = await look();
    if (seen !== undefined && seen !== null && seen !== false) return seen as Exclude<T, undefined | null | false>;
    if (performance.now() > deadline) throw new Error(`waited ${deadlineMs / 1000} s in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, INTERVAL_MS));
  }
}
