import type { RunResult } from "@deployer/core";
import { BaseCommand, type CommonFlags } from "../base-command.ts";

export default class Check extends BaseCommand {
  static override summary = "Deploy what the watched ref has, unless that was decided on before. For cron.";
  static override description =
    "Asks the remote for the hash of the watched ref, without fetching anything. When it is the one decided on last (deployed, failed, rolled back or passed over), nothing is done. A release that should be served and is not is started again.";
  static override examples: string[] = ["<%= config.bin %> check --quiet --config /srv/shop/deployer.config.ts"];

  protected override async perform(): Promise<RunResult> {
    const { flags } = await this.parse(Check);
    return this.withDeployer(flags as unknown as CommonFlags, (deployer) => deployer.check());
  }
}
