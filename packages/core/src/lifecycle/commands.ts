import { redactValue } from "../errors/redact.ts";
import { checkedJson } from "../plugin/answers.ts";
import type { CommandContext } from "../plugin/contexts.ts";
import type { CommandInput, PluginCommand } from "../plugin/plugin-command.ts";
import type { Attempt, Ending } from "./attempt.ts";
import { checkOut } from "./check-out.ts";
import { fromPlugin } from "./from-plugin.ts";
import type { PreviousRelease } from "./previous-release.ts";
import { extend, type Session } from "./session.ts";
import type { UndoStack } from "./undo-stack.ts";

interface Called {
  readonly plugin: string;
  readonly name: string;
  readonly command: PluginCommand;
}

/** The body of a run of a plugin's command. The release that is served stays the same. */
export async function change(attempt: Attempt, found: Called, input: CommandInput): Promise<Ending> {
  const { session, previous, undo } = attempt;
  const { plugin } = found;
  await attempt.begin("command");
  const answer = await runCommand(found, commandContext(session, plugin, previous, undo, input));
  // As it will stand in the store: what cannot be written there is the command's failure.
  return { outcome: "done", release: previous.info, answer: JSON.parse(JSON.stringify(answer ?? null)) };
}

/** Runs the command itself. @throws ERR_PLUGIN_FAILED, ERR_PLUGIN_ANSWER, and what the command throws on purpose */
export function runCommand({ plugin, name, command }: Called, context: CommandContext): Promise<unknown> {
  return fromPlugin({ plugin, stage: "command", step: name }, async () => {
    const answer = await command.run(context);
    checkedJson(answer ?? null, "what a command answers");
    return answer;
  });
}

/** The command line again, as history names the run. */
export function saidWords({ args, flags }: CommandInput): string[] {
  const masked = redactValue(flags, (text) => text) as CommandInput["flags"];
  const said = Object.entries(masked).flatMap(([name, value]): string[] => {
    if (value === undefined || value === false) return [];
    return [value === true ? `--${name}` : `--${name}=${value}`];
  });
  return [...Object.values(args).flatMap((value) => value ?? []), ...said];
}

/** What a plugin's command receives, whether it changes something or only looks. */
export function commandContext(
  session: Session,
  plugin: string,
  previous: PreviousRelease,
  undo: UndoStack,
  { args, flags }: CommandInput,
): CommandContext {
  return extend(session.context(plugin), {
    ...{ current: previous.info, args, flags, undo: undo.push },
    checkOut: (ref?: string) => checkOut(session, previous, ref),
  });
}
