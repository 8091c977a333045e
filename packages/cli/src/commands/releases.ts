import { type ReleaseListing, releases } from "@deployer/core";
import { BaseCommand } from "../base-command.ts";
import { describeReleases } from "../view/describe-status.ts";

export default class Releases extends BaseCommand {
  static override summary = "List the releases on disk, newest first.";

  protected override async perform(): Promise<{ schema: 1; releases: ReleaseListing[] }> {
    const { flags } = await this.parse(Releases);
    const list = await releases((await this.load(flags)).resolved.config);
    this.log(describeReleases(list));
    return { schema: 1, releases: list };
  }
}
