import type { WriteStream } from "node:tty";

/**
 * Has a stream drop what it can no longer take: its terminal is gone, its reader has ended, its disk is full. A run in
 * the middle of an activation must not end by that; its log has everything. Other listeners of such errors are
 * forgotten, as oclif's, which throws all but EPIPE.
 */
export function dropWhatFails(stream: WriteStream): void {
  stream.removeAllListeners("error");
  // After its first error a stream would keep in memory what is still written, and never call it flushed.
  stream.on("error", () => {
    stream.write = dropped;
  });
}

/** Resolves when all that was written has left this process, or was dropped. */
export async function flushed(stream: WriteStream): Promise<void> {
  await new Promise(setImmediate); // by then an error of the last write is known
  await new Promise<void>((resolve) => void stream.write("", () => resolve()));
}

function dropped(...given: unknown[]): boolean {
  const done = given.at(-1);
  if (typeof done === "function") process.nextTick(done);
  return true;
}
