import type { Context, DeployError } from "@deployer/core";
import { type ClientOptions, gitClient, said } from "./client.ts";
import { gitError } from "./errors.ts";
import type { SshOptions } from "./ssh.ts";

const FULL_HASH = /^[0-9a-f]{40}([0-9a-f]{24})?$/;

/**
 * Where a branch or tag of the remote stands: its commit hash, asked without fetching anything. A full hash is its own
 * answer. An error is never "no change".
 * @throws ERR_REMOTE_UNREACHABLE, ERR_REF_MISSING
 */
export async function remoteHash(
  context: Context,
  remote: string,
  ref: string,
  timeoutMs: number,
  ssh: SshOptions = {},
): Promise<string> {
  if (FULL_HASH.test(ref)) return ref;
  const names = candidates(ref);
  let answer: string;
  try {
    answer = await gitClient(context, askingOptions(remote, timeoutMs, ssh)).raw(["ls-remote", remote, ...names]);
  } catch (error) {
    context.signal.throwIfAborted();
    if (error instanceof Error && "exitCode" in error) throw error;
    throw await unreachable(context, { remote, ssh }, error, names);
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

/** Its hint is the very command that asks. */
export async function unreachable(
  context: Context,
  { remote, ssh }: { readonly remote: string; readonly ssh: SshOptions },
  error: unknown,
  names: readonly string[] = [],
): Promise<DeployError> {
  const client = gitClient(context, askingOptions(remote, 0, ssh));
  const command = await client.shown(["ls-remote", remote, ...names]);
  return gitError("ERR_REMOTE_UNREACHABLE", {
    message: `${context.redact(remote)} could not be asked:\n${said(context, error)}`,
    hint: `Try it as this user: ${command}`,
    details: { remote: context.redact(remote), command },
    cause: error,
  });
}

/** A folder needs no ssh, and a check that finds nothing new no second call of git. */
function askingOptions(remote: string, timeoutMs: number, ssh: SshOptions): ClientOptions {
  const isLocal = /^(\/|\.{1,2}\/|~|file:)/.test(remote);
  return { timeoutMs, ssh: isLocal ? undefined : ssh };
}
