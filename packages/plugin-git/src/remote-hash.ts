import type { Context, DeployError } from "@deployer/core";
import { gitClient, said } from "./client.ts";
import { gitError } from "./errors.ts";

const FULL_HASH = /^[0-9a-f]{40}([0-9a-f]{24})?$/;

/**
 * Where a branch or tag of the remote stands: its commit hash, asked without fetching anything. A full hash is its own
 * answer. An error is never "no change".
 * @throws ERR_REMOTE_UNREACHABLE, ERR_REF_MISSING
 */
export async function remoteHash(context: Context, remote: string, ref: string, timeoutMs: number): Promise<string> {
  if (FULL_HASH.test(ref)) return ref;
  const names = candidates(ref);
  let answer: string;
  try {
    answer = await gitClient(context, { timeoutMs }).raw(["ls-remote", remote, ...names]);
  } catch (error) {
    context.signal.throwIfAborted();
    throw unreachable(context, remote, error);
  }
  const found = new Map(answer.split("\n").map((line) => line.split("\t").reverse() as [string, string]));
  const hash = names.map((name) => found.get(name)).find((value) => value !== undefined);
  if (hash !== undefined) return hash;
  throw gitError("ERR_REF_MISSING", {
    message: `${context.redact(remote)} has no branch or tag "${ref}".`,
    hint: `See what it has: git ls-remote --heads --tags ${context.redact(remote)}. A commit is named by its full hash.`,
    details: { ref },
  });
}

/** Full names in the order in which they count. An annotated tag stands for the commit it points at ("^{}"). */
function candidates(ref: string): string[] {
  const tag = (name: string): string[] => [`${name}^{}`, name];
  if (ref.startsWith("refs/tags/")) return tag(ref);
  if (ref.startsWith("refs/")) return [ref];
  return [`refs/heads/${ref}`, ...tag(`refs/tags/${ref}`)];
}

export function unreachable(context: Context, remote: string, error: unknown): DeployError {
  return gitError("ERR_REMOTE_UNREACHABLE", {
    message: `${context.redact(remote)} could not be asked:\n${said(context, error)}`,
    hint: `Try it as this user: git ls-remote ${context.redact(remote)}. The next check asks again.`,
    details: { remote: context.redact(remote) },
    cause: error,
  });
}
