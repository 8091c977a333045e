import { type Status as StatusResult, status } from "@deployer/core";
import { BaseCommand } from "../base-command.ts";
import { describeStatus } from "../view/describe-status.ts";

export default class Status extends BaseCommand {
  static override summary = "Show what is served, what is at work, and how the last run ended.";

  protected override async perform(): Promise<StatusResult> {
    const { flags } = await this.parse(Status);
    const result = await status((await this.load(flags)).resolved);
    this.log(describeStatus(result));
    return result;
  }
}
