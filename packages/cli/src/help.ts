import { errorResult, type FoundCommand } from "@deployer/core";
import { type Command, type Interfaces, Help as OclifHelp } from "@oclif/core";
import { commandClass } from "./command-class.ts";
import { commandWords, pluginCommands } from "./plugin-commands.ts";
import { unknownCommand } from "./unknown-command.ts";

/** oclif's help, in which the commands of the config's plugins stand among ours. */
export default class Help extends OclifHelp {
  #ofPlugins: readonly FoundCommand[] | undefined;

  override async showHelp(argv: string[]): Promise<void> {
    const words = commandWords(argv);
    const [topic, name] = words;
    const note = await this.#lookForPlugins(argv);
    if (topic === undefined) {
      await this.showRootHelp();
      if (note !== undefined) this.log(note);
      return;
    }
    if (this.config.findCommand(topic) !== undefined) return super.showHelp([topic]);
    const ofTopic = this.#ofPlugins?.filter((command) => command.topic === topic) ?? [];
    const found = ofTopic.find((command) => command.name === name);
    if (found !== undefined) return this.showCommandHelp(loadable(found));
    if (ofTopic.length === 0 || name !== undefined) throw unknownCommand(words, this.config, this.#ofPlugins);
    this.log(this.formatTopic({ name: topic, description: `Commands of the plugin ${ofTopic[0]?.plugin}.` }));
    this.log(this.formatCommands(ofTopic.map(loadable)));
  }

  protected override get sortedCommands(): Command.Loadable[] {
    const all = [...super.sortedCommands, ...(this.#ofPlugins ?? []).map(loadable)];
    return all.sort((one, other) => one.id.localeCompare(other.id));
  }

  /** Help is there also where no config is, or none that can be read. */
  async #lookForPlugins(argv: readonly string[]): Promise<string | undefined> {
    try {
      const found = await pluginCommands(argv);
      this.#ofPlugins = found?.commands;
      return found === undefined
        ? "Plugins add commands, such as `deployer db status`: ask in the folder of a config, or with --config FILE.\n"
        : undefined;
    } catch (error) {
      this.#ofPlugins = [];
      const { code, message } = errorResult(error).error ?? {};
      return `The commands of plugins are not listed, because the config cannot be used.\n${code}: ${message}\n`;
    }
  }
}

/** What oclif reads when it builds its manifest of commands, of a class that no manifest names. */
function loadable(found: FoundCommand): Command.Loadable {
  const { id, summary, description, args, flags, baseFlags } = commandClass(found, undefined);
  const named = <T extends object>(entries: Record<string, T>): Record<string, T> =>
    Object.fromEntries(Object.entries(entries).map(([name, entry]) => [name, { ...entry, name }]));
  const json = { type: "boolean", description: "Format output as json.", helpGroup: "GLOBAL", allowNo: false };
  return {
    ...{ id, summary, description, aliases: [], hiddenAliases: [], hidden: false, strict: true },
    args: named(args),
    flags: named<object>({ ...(baseFlags as Interfaces.FlagInput), ...flags, json }),
  } as unknown as Command.Loadable;
}
