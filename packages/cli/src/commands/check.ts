import { dirname, resolve } from "node:path";
import { DeployError, errorResult, noteBeforeRun, type RunResult } from "@deployer/core";
import { BaseCommand } from "../base-command.ts";

export default class Check extends BaseCommand {
  static override summary = "Deploy what the watched ref has, unless that was decided on before. For cron.";
  static override description =
    "Asks the remote for the hash of the watched ref, without fetching anything. When it is the one decided on last (deployed, failed, rolled back or passed over), nothing is done. A release that should be served and is not is started again. With --quiet a failure that lasts is told when it begins, again after an hour, then once a day, and when it is over; a run that is at work is no failure.";
  static override examples: string[] = ["<%= config.bin %> check --quiet --config /srv/shop/deployer.config.ts"];

  protected override async perform(): Promise<RunResult> {
    const { flags } = await this.parse(Check);
    try {
      return await this.withDeployer(flags, (deployer) => deployer.check({ quiet: flags.quiet }));
    } catch (error) {
      // A config that cannot be read; where its root is, can be guessed.
      const root = rootOf(error) ?? dirname(resolve(flags.config ?? "deployer.config.ts"));
      const result = noteBeforeRun(root, errorResult(error), { now: Date.now(), quiet: flags.quiet });
      return this.finish(result, flags.quiet);
    }
  }

  /** A run that is at work is in order, and an outage is told now and then. */
  protected override isOldNews({ outcome, outage }: RunResult): boolean {
    return outcome === "locked" || outage?.isNews === false;
  }
}

function rootOf(error: unknown): string | undefined {
  const root = error instanceof DeployError ? error.details.root : undefined;
  return typeof root === "string" ? root : undefined;
}
