import { fileURLToPath } from "node:url";
import type { Command, CommandResult, Context } from "@deployer/core";
import { RUN_VARIABLE } from "@deployer/core";

/** Begins the one line of a child's output that is its answer; whatever code it loads may print as well. */
export const ANSWER = "\u0001deployer-answer ";

/** The environment for PM2, its daemon and the app: clean, and without the mark of the run, or recovery would end them. */
export function cleanEnvironment(context: Context): Record<string, string> {
  const { [RUN_VARIABLE]: _, ...env } = context.env;
  return env;
}

/** The path of a script beside this module, built or as a source. */
export function childScript(name: string): string {
  const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
  return fileURLToPath(new URL(`${name}.${extension}`, import.meta.url));
}

/** Runs a program that gives its answer in a marked line; `undefined` when it gave none. */
export async function askChild(
  context: Context,
  command: Command,
): Promise<{ result: CommandResult; answer: unknown }> {
  let answer: unknown;
  const result = await context.runner.run({
    ...command,
    onLine: (line) => {
      if (line.startsWith(ANSWER)) answer = JSON.parse(line.slice(ANSWER.length));
    },
  });
  return { result, answer };
}
