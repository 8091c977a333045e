import type { Context } from "@deployer/core";
import { type SimpleGit, simpleGit } from "simple-git";

const GIT_VARIABLES = ["GIT_TERMINAL_PROMPT", "GIT_SSH_COMMAND", "GIT_INDEX_FILE", "GIT_DIR", "GIT_WORK_TREE"];

export interface ClientOptions {
  readonly timeoutMs: number;
  /** Where it runs. @default the deployer's state folder */
  readonly directory?: string;
  readonly variables?: Readonly<Record<string, string>>;
}

/**
 * A git that can never wait for a person: no prompts, ssh in batch mode, and a deadline after which it is ended.
 * What it had started itself (ssh) carries the run's mark, and core ends that when the run fails.
 */
export function gitClient(context: Context, options: ClientOptions): SimpleGit {
  return simpleGit({
    baseDir: options.directory ?? context.paths.state,
    abort: AbortSignal.any([context.signal, AbortSignal.timeout(options.timeoutMs)]),
    // The default waits 50 ms after each exit.
    completion: { onClose: true, onExit: false },
    allowEnvironment: GIT_VARIABLES,
    unsafe: { allowUnsafeSshCommand: true },
  }).env({
    ...context.env,
    LC_ALL: "C",
    GIT_TERMINAL_PROMPT: "0",
    GIT_SSH_COMMAND: "ssh -o BatchMode=yes -o ConnectTimeout=15",
    ...options.variables,
  });
}

/** The last lines of what git said, fit for a message. */
export function said(context: Context, error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return context.redact(text.trim().split("\n").slice(-5).join("\n"));
}
