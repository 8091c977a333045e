import { type HistoryEntry, history } from "@deployer/core";
import { Flags, type Interfaces } from "@oclif/core";
import { BaseCommand } from "../base-command.ts";
import { describeHistory } from "../view/describe-status.ts";

export default class History extends BaseCommand {
  static override summary = "List the last runs, how they ended and how long their stages took.";
  static override flags: Interfaces.FlagInput<{ limit: number }> = {
    limit: Flags.integer({ char: "n", default: 20, min: 1, summary: "How many runs." }),
  };

  protected override async perform(): Promise<{ schema: 1; runs: HistoryEntry[] }> {
    const { flags } = await this.parse(History);
    const runs = history(await this.loadApp(flags), flags.limit);
    this.log(describeHistory(runs));
    return { schema: 1, runs };
  }
}
