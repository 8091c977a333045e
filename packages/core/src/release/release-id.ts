/**
 * The name of a release's directory: the UTC second, the short hash and, where that is taken, a number.
 * A name says when and what; the order of releases comes from the store.
 */
export function releaseId(now: number, hash: string, isTaken: (id: string) => boolean): string {
  const second = new Date(now).toISOString().replace(/[-:]/g, "").replace(/\.\d+/, "");
  const base = `${second}-${hash.slice(0, 7)}`;
  let id = base;
  for (let n = 2; isTaken(id); n += 1) id = `${base}-${n}`;
  return id;
}
