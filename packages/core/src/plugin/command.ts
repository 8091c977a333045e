import { coreError } from "../errors/catalog.ts";
import type { CommandResult } from "../ports/process-runner.ts";
import type { Context } from "./contexts.ts";
import { definePlugin, type PluginReference } from "./define-plugin.ts";
import type { Plugin } from "./plugin.ts";

export interface CommandOptions {
  /** When it runs. */
  readonly stage: "build" | "gate" | "migrate" | "activate" | "cleanup";
  /** In `activate`: before or after `current` points at the release. @default "post" */
  readonly order?: "pre" | "post";
  /** Program and arguments; no shell. For a shell write ["sh", "-c", "…"]. */
  readonly run: readonly [string, ...string[]];
  /** Name of the plugin and of its step. @default the program's name */
  readonly name?: string;
  /** Milliseconds. @default 600_000 */
  readonly timeoutMs?: number;
}

/** A command as a plugin, run in the release's app directory: for people who write no TypeScript. */
export function command(options: CommandOptions): PluginReference {
  return make(options);
}

const make = definePlugin<CommandOptions>((options): Plugin => {
  const [file, ...args] = options.run;
  const handler = async (
    context: Context & {
      readonly release: { readonly appPath: string };
      readonly environment?: Readonly<Record<string, string>>;
    },
  ): Promise<void> => {
    await runCommand(context, {
      file,
      args,
      cwd: context.release.appPath,
      env: context.environment ?? context.env,
      timeoutMs: options.timeoutMs ?? 600_000,
    });
  };
  const entry = options.stage === "activate" ? { order: options.order ?? "post", handler } : handler;
  return { name: options.name ?? file, [options.stage]: entry } as Plugin;
});

export interface RunCommandOptions {
  readonly file: string;
  readonly args?: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  /** Milliseconds. */
  readonly timeoutMs: number;
}

/**
 * Runs a command of the config to its end; its output goes to the log.
 * @throws ERR_COMMAND_FAILED with its last 20 lines, ERR_COMMAND_TIMEOUT, ERR_COMMAND_MISSING
 */
export async function runCommand(context: Context, options: RunCommandOptions): Promise<CommandResult> {
  const result = await context.runner.run({ ...options, signal: context.signal, onLine: context.output });
  const text = [options.file, ...(options.args ?? [])].join(" ");
  context.signal.throwIfAborted();
  if (result.ok) return result;
  const tail = result.tail.length === 0 ? [] : context.redact(result.tail.join("\n")).split("\n");
  const details = { command: text, exitCode: result.exitCode, signal: result.exitSignal, tail };
  if (result.missing) {
    throw coreError("ERR_COMMAND_MISSING", {
      message: `"${options.file}" was not found (PATH: ${options.env.PATH ?? ""}; folder: ${options.cwd}).`,
      hint: "Install it, or give cron a PATH that has it.",
      details,
    });
  }
  const shown = tail.length > 0 ? `\n${tail.map((line) => `  ${line}`).join("\n")}` : "";
  if (result.timedOut) {
    throw coreError("ERR_COMMAND_TIMEOUT", {
      message: `"${text}" was still running after ${options.timeoutMs / 1000} s and was ended.${shown}`,
      hint: "Look at its last lines; raise the time limit only if it was still at work.",
      details,
      mayPass: true,
    });
  }
  throw coreError("ERR_COMMAND_FAILED", {
    message: `"${text}" ended with ${result.exitCode === null ? `signal ${result.exitSignal}` : `exit code ${result.exitCode}`}.${shown}`,
    hint: "Mend the cause and push; the log has the whole output.",
    details,
    mayPass: true, // a registry may be down
  });
}
