import { type HistoryEntry, history, type Outage, outages } from "@deployer/core";
import { Errors, Flags, type Interfaces } from "@oclif/core";
import { BaseCommand } from "../base-command.ts";
import { describeHistory } from "../view/describe-status.ts";

export default class History extends BaseCommand {
  static override summary =
    "List the last runs, how they ended and how long their stages took; and checks that failed before a run.";
  static override flags: Interfaces.FlagInput<{ limit: number }> = {
    limit: Flags.custom<number>({ parse: async (text) => wholeNumber(text) })({
      char: "n",
      default: 20,
      summary: "How many runs.",
    }),
  };

  protected override async perform(): Promise<{ schema: 1; runs: HistoryEntry[]; outages: Outage[] }> {
    const { flags } = await this.parse(History);
    const { limit } = flags;
    const { resolved } = await this.load(flags);
    const result = {
      schema: 1 as const,
      runs: history(resolved.config, limit),
      outages: outages(resolved.config, limit),
    };
    this.log(describeHistory(result.runs, result.outages, limit));
    return result;
  }
}

function wholeNumber(text: string): number {
  const number = Number(text);
  if (Number.isSafeInteger(number) && number >= 1) return number;
  throw new Errors.CLIError(`must be a whole number of at least 1, not "${text}".`);
}
