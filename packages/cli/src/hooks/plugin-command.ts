import { Deployer, errorResult } from "@deployer/core";
import type { Hook } from "@oclif/core";
import { commandClass } from "../command-class.ts";
import { loadConfig } from "../config/load-config.ts";
import { cliError } from "../errors.ts";
import { describeResult } from "../view/describe-result.ts";

/** A word that is no command of ours may be one of a plugin's: `deployer <topic> <name> …`. */
const hook: Hook<"command_not_found"> = async (options) => {
  const words = [...options.id.split(":"), ...(options.argv ?? [])];
  try {
    const { command, rest } = await findCommand(words);
    await command.run(rest, options.config);
  } catch (error) {
    const result = errorResult(error);
    process.exitCode = result.exitCode;
    if (words.includes("--json")) process.stdout.write(`${JSON.stringify(result, null, 2)}\n`);
    else process.stderr.write(`${describeResult(result)}\n`);
  }
};

export default hook;

async function findCommand(
  words: readonly string[],
): Promise<{ command: ReturnType<typeof commandClass>; rest: string[] }> {
  const [topic, name] = words;
  const unknown = cliError("ERR_USAGE", {
    message: `There is no command "${words
      .filter((word) => word !== "--json")
      .slice(0, 2)
      .join(" ")}".`,
    hint: "See `deployer --help`.",
  });
  const [config, env] = [flagOf(words, "config", "c"), flagOf(words, "env", "e")];
  const loaded = await loadConfig(config, env, process.cwd()).catch((error: unknown) => {
    if (config === undefined) throw unknown; // no config here to look into
    throw error;
  });
  const found = new Deployer(loaded.resolved).commands().find((it) => it.topic === topic && it.name === name);
  if (found === undefined) throw unknown;
  return { command: commandClass(found, loaded), rest: words.slice(2) };
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
