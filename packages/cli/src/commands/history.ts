import { type HistoryEntry, history, type Outage, outages } from "@deployer/core";
import { Flags, type Interfaces } from "@oclif/core";
import { BaseCommand, type CommonFlags } from "../base-command.ts";
import { describeHistory } from "../view/describe-status.ts";

export default class History extends BaseCommand {
  static override summary =
    "List the last runs, how they ended and how long their stages took; and checks that failed before a run.";
  static override flags: Interfaces.FlagInput = {
    limit: Flags.integer({ char: "n", default: 20, min: 1, summary: "How many runs." }),
  };

  protected override async perform(): Promise<{ schema: 1; runs: HistoryEntry[]; outages: Outage[] }> {
    const { flags } = await this.parse(History);
    const limit = flags.limit as number;
    const { resolved } = await this.load(flags as unknown as CommonFlags);
    const result = {
      schema: 1 as const,
      runs: history(resolved.config, limit),
      outages: outages(resolved.config, limit),
    };
    this.log(describeHistory(result.runs, result.outages, limit));
    return result;
  }
}
