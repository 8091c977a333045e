import { type Context, RUN_VARIABLE } from "@deployer/core";
import { type SimpleGit, simpleGit } from "simple-git";
import { type SshOptions, shellWord, sshVariables } from "./ssh.ts";

const GIT_VARIABLES = [
  ...["GIT_TERMINAL_PROMPT", "GIT_INDEX_FILE", "GIT_DIR", "GIT_WORK_TREE"],
  ...["GIT_SSH_COMMAND", "GIT_SSH", "GIT_SSH_VARIANT"],
];

// A program that the kernel holds fast, on a dead network drive, cannot be killed at all.
const ENDING_ROUNDS = 100;
const ENDING_PAUSE_MS = 20;

export interface ClientOptions {
  readonly timeoutMs: number;
  /** Where it runs. @default the deployer's state folder */
  readonly directory?: string;
  readonly variables?: Readonly<Record<string, string>>;
  /** For a call that may go over the network. */
  readonly ssh?: SshOptions | undefined;
}

export interface GitClient {
  /** Runs one git command and answers what it printed. */
  raw(args: readonly string[]): Promise<string>;
  /** The same command for a person's shell. */
  shown(args: readonly string[]): Promise<string>;
}

/** A git that can never wait for a person: no prompts, ssh in batch mode, and a deadline after which each call is ended. */
export function gitClient(context: Context, options: ClientOptions): GitClient {
  return {
    async raw(args) {
      const limit = AbortSignal.any([context.signal, AbortSignal.timeout(options.timeoutMs)]);
      let ending: Promise<void> | undefined;
      const end = (): void => {
        ending = endStarted(context);
      };
      limit.addEventListener("abort", end, { once: true });
      try {
        const variables = await variablesOf(context, options);
        return await client(context, options, variables, limit).raw([...args]);
      } finally {
        limit.removeEventListener("abort", end);
        await ending;
      }
    },
    async shown(args) {
      const variables = { GIT_SSH: context.env.GIT_SSH, ...(await variablesOf(context, options)), LC_ALL: undefined };
      const words = ["git", "-C", directoryOf(context, options), ...args].map(shellWord);
      return context.redact([...withoutAgent(context), ...assignments(variables), ...words].join(" "));
    },
  };
}

function directoryOf({ paths }: Context, { directory }: ClientOptions): string {
  return directory ?? paths.state;
}

async function variablesOf(context: Context, options: ClientOptions): Promise<Record<string, string>> {
  const { ssh, variables } = options;
  const at = { directory: directoryOf(context, options), variables };
  return {
    LC_ALL: "C",
    GIT_TERMINAL_PROMPT: "0",
    ...(ssh === undefined ? {} : await sshVariables(context, ssh, at)),
    ...variables,
  };
}

function assignments(variables: Readonly<Record<string, string | undefined>>): string[] {
  return Object.entries(variables).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}=${shellWord(value)}`],
  );
}

/** A person's agent is not handed to commands, unless the config lists it: without it the command may end otherwise. */
function withoutAgent({ env }: Context): string[] {
  return process.env.SSH_AUTH_SOCK !== undefined && env.SSH_AUTH_SOCK === undefined
    ? ["env", "-u", "SSH_AUTH_SOCK"]
    : [];
}

function client(
  context: Context,
  options: ClientOptions,
  variables: Readonly<Record<string, string>>,
  abort: AbortSignal,
): SimpleGit {
  return simpleGit({
    baseDir: directoryOf(context, options),
    abort,
    // The default waits 50 ms after each exit.
    completion: { onClose: true, onExit: false },
    allowEnvironment: GIT_VARIABLES,
    unsafe: { allowUnsafeSshCommand: true },
  }).env({ ...context.env, ...variables });
}

/**
 * Ends what git has started (ssh, git-remote-https). simple-git ends git alone; the others would hold its output open,
 * and the call would never return. At such a moment git is all that the run has at work.
 */
async function endStarted({ processes, run, clock }: Context): Promise<void> {
  for (let round = 0; round < ENDING_ROUNDS; round += 1) {
    const pids = (await processes.pids()).filter((pid) => pid !== process.pid);
    const environments = await Promise.all(pids.map((pid) => processes.environment(pid)));
    const started = pids.filter((_pid, index) => environments[index]?.[RUN_VARIABLE] === run.id);
    if (started.length === 0) return;
    for (const pid of started) processes.signal(pid, "SIGKILL");
    await clock.sleep(ENDING_PAUSE_MS);
  }
}

/** The last lines of what git said, fit for a message. */
export function said(context: Context, error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return context.redact(text.trim().split("\n").slice(-5).join("\n"));
}
