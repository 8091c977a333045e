import { BaseCommand } from "../base-command.ts";
import { cronLine } from "../cron/cron-line.ts";

export default class Cron extends BaseCommand {
  static override summary = "Print the line for a crontab that checks this app each minute.";
  static override description =
    "Cron has another folder and another PATH than your shell. The line names Node, the command, the config and what a deployment needs of PATH in full, as they are here and now: run it in the shell, and as the user, in which `deployer check` works.";
  static override examples: string[] = ["<%= config.bin %> cron", "(crontab -l; <%= config.bin %> cron) | crontab -"];

  protected override async perform(): Promise<{ schema: 1; line: string }> {
    const { flags } = await this.parse(Cron);
    const { file } = await this.load(flags);
    const line = cronLine({
      environment: process.env,
      execPath: process.execPath,
      command: process.argv[1] ?? "",
      config: file,
      env: flags.env,
    });
    this.log(line);
    return { schema: 1, line };
  }
}
