import type { CommandContext } from "./contexts.ts";

/** A word that follows the command's name. The order of `args` is the order on the command line. */
export interface CommandArg {
  /** One line for help and reference. */
  readonly summary: string;
  /** @default false */
  readonly required?: boolean;
  /** Takes all words that are left; only the last argument may. */
  readonly many?: boolean;
}

/** `--name`, or `--name value` for a string. */
export interface CommandFlag {
  /** One line for help and reference. */
  readonly summary: string;
  readonly type: "boolean" | "string";
  /** One letter: `-n`. The letters c, e and q are taken by `--config`, `--env` and `--quiet`. */
  readonly char?: string;
}

export type CommandArgs = Readonly<Record<string, CommandArg>>;
export type CommandFlags = Readonly<Record<string, CommandFlag>>;

/** The words of the command line by the names of `args`. */
export type ArgValues<Args extends CommandArgs = CommandArgs> = {
  readonly [Name in keyof Args]: Args[Name] extends { readonly many: true }
    ? readonly string[]
    : Args[Name] extends { readonly required: true }
      ? string
      : CommandArgs extends Args
        ? string | readonly string[] | undefined
        : string | undefined;
};

/** The flags of the command line; a boolean that was not given is `false`. */
export type FlagValues<Flags extends CommandFlags = CommandFlags> = {
  readonly [Name in keyof Flags]: Flags[Name] extends { readonly type: "boolean" }
    ? boolean
    : CommandFlags extends Flags
      ? string | boolean | undefined
      : string | undefined;
};

/** What a command line said to a plugin's command. */
export interface CommandInput {
  readonly args: ArgValues;
  readonly flags: FlagValues;
}

/** A command that a plugin adds: `deployer <topic> <name> …`. */
export interface PluginCommand<Args extends CommandArgs = CommandArgs, Flags extends CommandFlags = CommandFlags> {
  /** One line for the help. */
  readonly summary: string;
  /** More than one line, for the command's own help. */
  readonly description?: string;
  /** First word on the command line; the plugin's name unless given. */
  readonly topic?: string;
  readonly args?: Args;
  readonly flags?: Flags;
  /**
   * The command changes something, so it is a run: with a log, a line in history, a result with an exit code, undone when
   * it fails or is interrupted, and settled by the next run when it dies. Without it, a command only looks.
   * @default false
   */
  readonly changes?: boolean;
  /** The answer is printed as text when it is text or has a `text`, else as JSON; with `--json` as JSON without that text. */
  run(context: CommandContext<ArgValues<Args>, FlagValues<Flags>>): Promise<unknown>;
}

/** Gives `run` the types of the command's own arguments and flags. */
export function defineCommand<
  const Args extends CommandArgs = Record<never, never>,
  const Flags extends CommandFlags = Record<never, never>,
>(command: PluginCommand<Args, Flags>): PluginCommand {
  return command as unknown as PluginCommand;
}
