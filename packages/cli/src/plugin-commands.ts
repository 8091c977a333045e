import { DeployError, Deployer, type FoundCommand } from "@deployer/core";
import { type LoadedConfig, loadConfig } from "./config/load-config.ts";

export interface PluginCommands {
  readonly loaded: LoadedConfig;
  readonly commands: readonly FoundCommand[];
}

/**
 * The commands of the plugins of the config that a command line means; `undefined` where there is no config.
 * @throws what is wrong with the config
 */
export async function pluginCommands(words: readonly string[]): Promise<PluginCommands | undefined> {
  try {
    const loaded = await loadConfig(flagOf(words, "config", "c"), flagOf(words, "env", "e"), process.cwd());
    return { loaded, commands: new Deployer(loaded.resolved).commands() };
  } catch (error) {
    if (
      error instanceof DeployError &&
      error.code === "ERR_CONFIG_MISSING" &&
      flagOf(words, "config", "c") === undefined
    )
      return undefined;
    throw error;
  }
}

const VALUED = ["--config", "-c", "--env", "-e"];

/** The words of a command line that are no flag of all commands: the command comes first. */
export function commandWords(words: readonly string[]): string[] {
  return words.filter((word, index) => !word.startsWith("-") && !VALUED.includes(words[index - 1] ?? ""));
}

/** Which config has the command must be known before its flags can be. */
function flagOf(words: readonly string[], name: string, char: string): string | undefined {
  for (const [index, word] of words.entries()) {
    if (word === "--") return undefined;
    if (word === `--${name}` || word === `-${char}`) return words[index + 1];
    for (const start of [`--${name}=`, `-${char}=`]) if (word.startsWith(start)) return word.slice(start.length);
  }
  return undefined;
}
