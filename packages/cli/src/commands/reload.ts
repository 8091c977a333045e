import type { RunResult } from "@deployer/core";
import { Flags, type Interfaces } from "@oclif/core";
import { BaseCommand } from "../base-command.ts";

export default class Reload extends BaseCommand {
  static override summary = "Start the current release anew, verified: after a change of `.env`, say.";
  static override description =
    "The release that is served goes through the gate and the activation once more, worker by worker. Nothing is fetched or built. When the new workers are not well, those that serve stay.";
  static override flags: Interfaces.FlagInput<{ gate: boolean }> = {
    gate: Flags.boolean<boolean>({
      default: true,
      allowNo: true,
      summary: "Try the release before it gets traffic, as always; --no-gate does not.",
    }),
  };
  static override examples: string[] = ["<%= config.bin %> reload"];

  protected override async perform(): Promise<RunResult> {
    const { flags } = await this.parse(Reload);
    return this.withDeployer(flags, (deployer) => deployer.reload({ gate: flags.gate }));
  }
}
