import { resolve } from "node:path";
import type { Context } from "@deployer/core";
import { gitError } from "./errors.ts";

/** A key of this site alone. Relative paths count from the app's root. */
export interface SshOptions {
  readonly sshKey?: string | undefined;
  readonly knownHosts?: string | undefined;
}

/** No question that nobody is there to answer, and no waiting for a host that is gone. */
const UNATTENDED = "-o BatchMode=yes -o ConnectTimeout=15";
const OPENSSH = /^(?:\w+=\S*\s+)*(?:\S*\/)?ssh(?=\s|$)/;
const OTHERS_MAY_READ = 0o077;

/**
 * The variables by which git finds its ssh: the site's key; else what the user has said already (GIT_SSH_COMMAND, git's
 * own `core.sshCommand`, GIT_SSH); else plain ssh.
 * @throws ERR_SSH_KEY
 */
export async function sshVariables(
  context: Context,
  { sshKey, knownHosts }: SshOptions,
  at: { readonly directory: string; readonly variables?: Readonly<Record<string, string>> | undefined },
): Promise<Record<string, string>> {
  if (sshKey !== undefined || knownHosts !== undefined) {
    return { GIT_SSH_COMMAND: await siteCommand(context, sshKey, knownHosts) };
  }
  const chosen = context.env.GIT_SSH_COMMAND || (await coreSshCommand(context, at));
  if (chosen) return { GIT_SSH_COMMAND: OPENSSH.test(chosen) ? `${chosen} ${UNATTENDED}` : chosen };
  return context.env.GIT_SSH ? {} : { GIT_SSH_COMMAND: `ssh ${UNATTENDED}` };
}

/** Text as one word of a shell. */
export function shellWord(text: string): string {
  return /^[\w@%+=:,./~^-]+$/.test(text) && !text.startsWith("~") ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

async function siteCommand(
  context: Context,
  sshKey: string | undefined,
  knownHosts: string | undefined,
): Promise<string> {
  const words = ["ssh"];
  if (sshKey !== undefined) {
    const key = absolute(context, sshKey);
    await refuseUnfitKey(context, key);
    // Without IdentitiesOnly the keys of an agent are offered first, and a server may refuse after some of them.
    words.push("-i", shellWord(escaped(key)), "-o", "IdentitiesOnly=yes");
  }
  if (knownHosts !== undefined) {
    const file = absolute(context, knownHosts);
    await refuseMissing(context, file, "knownHosts", `ssh-keyscan HOST > ${shellWord(file)}`);
    words.push("-o", shellWord(`UserKnownHostsFile="${escaped(file)}"`), "-o", "StrictHostKeyChecking=yes");
  }
  return [...words, UNATTENDED].join(" ");
}

function absolute({ config, env }: Context, path: string): string {
  return path.startsWith("~/") ? resolve(env.HOME ?? "/", path.slice(2)) : resolve(config.root, path);
}

/** ssh reads `%h` and the like in a path. */
function escaped(path: string): string {
  return path.replaceAll("%", "%%");
}

async function refuseUnfitKey(context: Context, key: string): Promise<void> {
  const { mode } = await refuseMissing(context, key, "sshKey", `ssh-keygen -t ed25519 -N '' -f ${shellWord(key)}`);
  if ((mode & OTHERS_MAY_READ) === 0) return;
  throw gitError("ERR_SSH_KEY", {
    message: `The deploy key ${key} can be read by other users (mode ${mode.toString(8)}); ssh refuses it.`,
    hint: `chmod 600 ${shellWord(key)}`,
    details: { file: key, mode },
  });
}

async function refuseMissing(
  { fs }: Context,
  file: string,
  option: string,
  make: string,
): Promise<{ readonly mode: number }> {
  const found = await fs.resolve(file).catch(() => undefined);
  if (found?.kind === "file") return found;
  throw gitError("ERR_SSH_KEY", {
    message: `There is no file ${file} that this user can see (\`${option}\` of git).`,
    hint: `Correct the path, or make it: ${make}`,
    details: { file },
  });
}

async function coreSshCommand(
  context: Context,
  {
    directory,
    variables,
  }: { readonly directory: string; readonly variables?: Readonly<Record<string, string>> | undefined },
): Promise<string> {
  const answer = await context.runner.run({
    file: "git",
    args: ["config", "--get", "core.sshCommand"],
    cwd: directory,
    env: { ...context.env, ...variables },
    timeoutMs: 10_000,
    signal: context.signal,
  });
  return answer.ok ? answer.stdout.trim() : "";
}
