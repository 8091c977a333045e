import { DeployError, errorResult } from "@deployer/core";
import type { Hook, Interfaces } from "@oclif/core";
import { commandClass } from "../command-class.ts";
import Help from "../help.ts";
import { nearest } from "../nearest.ts";
import { pluginCommands } from "../plugin-commands.ts";
import { unknownCommand } from "../unknown-command.ts";
import { describeResult } from "../view/describe-result.ts";

/** A word that is no command of ours may be one of a plugin's: `deployer <topic> <name> …`. */
const hook: Hook<"command_not_found"> = async (options) => {
  const words = [...options.id.split(":"), ...(options.argv ?? [])];
  try {
    await runCommand(words, options.config);
  } catch (error) {
    const result = errorResult(error);
    process.exitCode = result.exitCode;
    if (words.includes("--json")) process.stdout.write(`${JSON.stringify(result, null, 2)}\n`);
    else process.stderr.write(`${describeResult(result)}\n`);
  }
};

export default hook;

async function runCommand(words: readonly string[], config: Interfaces.Config): Promise<void> {
  const [topic = "", name] = words;
  const given = [topic, ...(name === undefined || name.startsWith("-") ? [] : [name])];
  const found = await pluginCommands(words).catch((error: unknown) => {
    // A slip of the pen is told as that, also beside a config that cannot be used.
    const isSlip = error instanceof DeployError && nearest(topic, config.commandIDs) !== undefined;
    throw isSlip ? unknownCommand(given, config, []) : error;
  });
  const ofTopic = found?.commands.filter((command) => command.topic === topic) ?? [];
  const command = ofTopic.find((it) => it.name === name);
  if (command !== undefined) await commandClass(command, found?.loaded).run(words.slice(2), config);
  else if (ofTopic.length > 0 && given.length === 1) await new Help(config).showHelp([...words]);
  else throw unknownCommand(given, config, found?.commands);
}
