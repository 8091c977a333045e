import type { FoundCommand } from "@deployer/core";
import type { Interfaces } from "@oclif/core";
import { cliError } from "./errors.ts";
import { nearest } from "./nearest.ts";

const NO_CONFIG = " There is no config here: commands of plugins need one (--config FILE).";

/** The error for words that name no command, with the command that was most likely meant. `ofPlugins`: undefined without a config. */
export function unknownCommand(
  words: readonly string[],
  config: Pick<Interfaces.Config, "commandIDs">,
  ofPlugins: readonly FoundCommand[] | undefined,
): Error {
  const [first = "", second] = words;
  const known = ofPlugins ?? [];
  const names = known.filter(({ topic }) => topic === first).map(({ name }) => name);
  const isTopic = names.length > 0;
  const topics = known.map(({ topic }) => topic);
  const meant = isTopic ? nearest(second ?? "", names) : nearest(first, [...config.commandIDs, ...topics, "help"]);
  const command = isTopic ? `${first} ${meant}` : meant;
  const see = isTopic
    ? `See \`deployer ${first} --help\`.`
    : `See \`deployer --help\`.${ofPlugins === undefined ? NO_CONFIG : ""}`;
  return cliError("ERR_USAGE", {
    message: `There is no command "${[first, second].filter(Boolean).join(" ")}".`,
    hint: meant === undefined ? see : `Did you mean \`deployer ${command}\`? ${see}`,
  });
}
