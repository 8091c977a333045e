import type { RunResult } from "@deployer/core";
import { Args, Flags, type Interfaces } from "@oclif/core";
import { BaseCommand } from "../base-command.ts";

export default class Rollback extends BaseCommand {
  static override summary = "Return to a release that is still on disk, through the same gate and activation.";
  static override description =
    "Without an argument: the newest successful release older than the current one. The revision that is left is held, so that `check` does not deploy it again. Migrations stay.";
  static override args: Interfaces.ArgInput<{ release: string | undefined }> = {
    release: Args.string({ description: "Id of a release, its beginning, or its commit (see `releases`)." }),
  };
  static override flags: Interfaces.FlagInput<{ gate: boolean; yes: boolean }> = {
    gate: Flags.boolean<boolean>({
      default: true,
      allowNo: true,
      summary:
        "Try the release before it gets traffic, as always; --no-gate does not, for emergencies, when every second counts.",
    }),
    yes: Flags.boolean<boolean>({
      char: "y",
      default: false,
      summary: "Also to a release that does not see all of today's shared paths.",
    }),
  };
  static override examples: string[] = [
    "<%= config.bin %> rollback",
    "<%= config.bin %> rollback 20261120T184500Z-3f2a1bc",
    "<%= config.bin %> rollback --no-gate",
  ];

  protected override async perform(): Promise<RunResult> {
    const { args, flags } = await this.parse(Rollback);
    const options = {
      release: args.release,
      yes: flags.yes,
      gate: flags.gate,
    };
    return this.withDeployer(flags, (deployer) => deployer.rollback(options));
  }
}
