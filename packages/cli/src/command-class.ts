import type { CommandInput, FoundCommand, PluginCommand } from "@deployer/core";
import { Args, type Config, Flags, type Interfaces } from "@oclif/core";
import { dataOf, textOf } from "./answer.ts";
import { BaseCommand, type CommonFlags } from "./base-command.ts";
import type { LoadedConfig } from "./config/load-config.ts";

type CommandClass = typeof BaseCommand & (new (argv: string[], config: Config) => BaseCommand);

/** A plugin's command as one of ours: the same flags beside its own, the same parser, errors and exit codes. */
export function commandClass(found: FoundCommand, loaded: LoadedConfig | undefined): CommandClass {
  const { topic, name, command } = found;
  return class extends BaseCommand {
    static override id = `${topic} ${name}`;
    static override summary = command.summary;
    static override description = command.description;
    static override args = argsOf(command);
    static override flags = flagsOf(command);

    protected override async load(flags: CommonFlags): Promise<LoadedConfig> {
      return loaded ?? super.load(flags);
    }

    protected override async perform(): Promise<unknown> {
      const parsed = await this.parse(this.constructor as typeof BaseCommand);
      const common = parsed.flags as unknown as CommonFlags;
      const input = inputOf(command, parsed.args, parsed.flags);
      if (command.changes === true) return this.withDeployer(common, (deployer) => deployer.change(found, input));
      // What it answers is what was asked for: beside it only warnings are told.
      const answer = await this.interruptible({ ...common, quiet: true }, (it) => it.inspect(found, input));
      this.log(textOf(answer) ?? JSON.stringify(dataOf(answer), null, 2));
      return dataOf(answer);
    }
  } as unknown as CommandClass;
}

function argsOf({ args = {} }: PluginCommand): Interfaces.ArgInput {
  return Object.fromEntries(
    Object.entries(args).map(([name, { summary, required = false, many = false }]) => [
      name,
      Args.string({ description: summary, required, ...(many ? { multiple: true } : {}) }),
    ]),
  );
}

function flagsOf({ flags = {} }: PluginCommand): Interfaces.FlagInput {
  return Object.fromEntries(
    Object.entries(flags).map(([name, { summary, type, char }]) => {
      const shown = { summary, ...(char === undefined ? {} : { char: char as "a" }) };
      return [name, type === "boolean" ? Flags.boolean({ ...shown, default: false }) : Flags.string(shown)];
    }),
  );
}

function inputOf(
  command: PluginCommand,
  args: Readonly<Record<string, unknown>>,
  flags: Readonly<Record<string, unknown>>,
): CommandInput {
  const { args: specified = {}, flags: own = {} } = command;
  const many = Object.entries(specified).flatMap(([name, it]) => (it.many === true ? [[name, args[name] ?? []]] : []));
  return {
    args: { ...args, ...Object.fromEntries(many) } as CommandInput["args"],
    flags: Object.fromEntries(Object.keys(own).map((name) => [name, flags[name]])) as CommandInput["flags"],
  };
}
