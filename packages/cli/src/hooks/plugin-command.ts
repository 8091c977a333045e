import { Deployer, errorResult } from "@deployer/core";
import type { Hook } from "@oclif/core";
import { loadConfig } from "../config/load-config.ts";
import { cliError } from "../errors.ts";
import { describeResult } from "../view/describe-result.ts";

/** A word that is no command of ours may be one of a plugin's: `deployer <topic> <name> …`. */
const hook: Hook<"command_not_found"> = async (options) => {
  const words = [...options.id.split(":"), ...(options.argv ?? [])];
  const json = words.includes("--json");
  try {
    const answer = await runPluginCommand(words.filter((word) => word !== "--json"));
    process.stdout.write(`${(json ? undefined : textOf(answer)) ?? dataOf(answer)}\n`);
  } catch (error) {
    const result = errorResult(error);
    process.exitCode = result.exitCode;
    if (json) process.stdout.write(`${JSON.stringify(result, null, 2)}\n`);
    else process.stderr.write(`${describeResult(result)}\n`);
  }
};

export default hook;

/** What a person reads: the answer itself, or its `text`. */
function textOf(answer: unknown): string | undefined {
  const text = typeof answer === "object" && answer !== null && "text" in answer ? answer.text : answer;
  return typeof text === "string" ? text : undefined;
}

/** For programs: the `text` says nothing that the rest does not, unless there is no rest. */
function dataOf(answer: unknown): string {
  const { text, ...data } = typeof answer === "object" && answer !== null ? (answer as { text?: unknown }) : {};
  const isWhole = Array.isArray(answer) || Object.keys(data).length === 0;
  return JSON.stringify(isWhole ? (answer ?? {}) : data, null, 2);
}

async function runPluginCommand(words: readonly string[]): Promise<unknown> {
  const { rest, config, env } = takeFlags(words);
  const [topic, name, ...args] = rest;
  const unknown = cliError("ERR_USAGE", {
    message: `There is no command "${rest.slice(0, 2).join(" ")}".`,
    hint: "See `deployer --help`.",
  });
  const loaded = await loadConfig(config, env, process.cwd()).catch((error: unknown) => {
    if (config === undefined) throw unknown; // no config here to look into
    throw error;
  });
  const deployer = new Deployer(loaded.resolved);
  const found = deployer.commands().find((command) => command.topic === topic && command.name === name);
  if (found !== undefined) return deployer.runCommand(found.plugin, found.command, args);
  throw unknown;
}

function takeFlags(words: readonly string[]): {
  rest: string[];
  config?: string | undefined;
  env?: string | undefined;
} {
  const rest: string[] = [];
  const flags: Record<string, string | undefined> = {};
  const names: Readonly<Record<string, string>> = { "--config": "config", "-c": "config", "--env": "env", "-e": "env" };
  for (let index = 0; index < words.length; index += 1) {
    const [word = "", value] = (words[index] ?? "").split("=", 2);
    const name = names[word];
    if (name === undefined) rest.push(words[index] ?? "");
    else {
      flags[name] = value ?? words[index + 1];
      if (value === undefined) index += 1;
    }
  }
  return { rest, config: flags.config, env: flags.env };
}
