import { type Context, coreError } from "@deployer/core";
import { said } from "./client.ts";

/** What the C library says; git is run with LC_ALL=C, and what the other side says is marked by it. */
const FULL = /^(?!remote:).*(No space left on device|Disk quota exceeded)/m;

/** That this machine's disk is full says nothing of the remote and nothing of the commit. @throws ERR_DISK */
export function refuseFullDisk(context: Context, path: string, error: unknown): void {
  if (!(error instanceof Error) || !FULL.test(error.message)) return;
  throw coreError("ERR_DISK", {
    message: `git could not write ${path}:\n${said(context, error)}`,
    hint: `Make room on that disk: df -h ${path}`,
    details: { path },
    cause: error,
  });
}
