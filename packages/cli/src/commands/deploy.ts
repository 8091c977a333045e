import type { RunResult } from "@deployer/core";
import { Args, type Interfaces } from "@oclif/core";
import { BaseCommand } from "../base-command.ts";

export default class Deploy extends BaseCommand {
  static override summary = "Make and activate a new release now, also of a revision that is held or already running.";
  static override description =
    "A person's word: it ignores that a revision is held. What it deployed stays until the watched branch moves.";
  static override args: Interfaces.ArgInput<{ ref: string | undefined }> = {
    ref: Args.string({ description: "Branch, tag or full commit hash; the watched ref unless given." }),
  };
  static override examples: string[] = ["<%= config.bin %> deploy", "<%= config.bin %> deploy v1.4.2"];

  protected override async perform(): Promise<RunResult> {
    const { args, flags } = await this.parse(Deploy);
    return this.withDeployer(flags, (deployer) => deployer.deploy({ ref: args.ref }));
  }
}
