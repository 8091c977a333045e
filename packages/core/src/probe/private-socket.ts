import { join } from "node:path";
import { coreError } from "../errors/catalog.ts";
import type { Layout } from "../release/layout.ts";

// sockaddr_un holds 108 bytes with the closing zero; a longer path fails as EINVAL or, worse, is cut off.
const LIMIT = 107;
const LONGEST_NAME = "g-01234567.sock".length;

/** The private socket of a live worker. */
export function workerSocket(sockets: string, pid: number): string {
  return join(sockets, `${pid}.sock`);
}

/** By how many bytes the root's path is too long for the private sockets below it; 0 when it fits. */
export function excessOfSocketPath(paths: Layout): number {
  return Math.max(0, Buffer.byteLength(paths.sockets) + 1 + LONGEST_NAME - LIMIT);
}

/** Rejects a root whose path leaves no room for private sockets. */
export function refuseLongSocketPath(paths: Layout): void {
  const excess = excessOfSocketPath(paths);
  if (excess === 0) return;
  const allowed = Buffer.byteLength(paths.root) - excess;
  throw coreError("ERR_PREFLIGHT", {
    message: `The root's path ${paths.root} is too long for a unix socket below it: ${allowed} bytes are allowed, it has ${allowed + excess}.`,
    hint: "Move the app to a root with a shorter path.",
    details: { root: paths.root, allowed },
  });
}
