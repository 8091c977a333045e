import { redactValue, siteRedactor } from "@deployer/core";
import { BaseCommand } from "../base-command.ts";

export default class Config extends BaseCommand {
  static override summary = "Show the config as it is understood, defaults filled in and secrets masked.";

  protected override async perform(): Promise<unknown> {
    const { flags } = await this.parse(Config);
    const { file, resolved } = await this.load(flags);
    const { config, env, pluginOptions } = resolved;
    const shown = redactValue(
      { schema: 1, file, ...config, env, plugins: pluginOptions },
      siteRedactor(resolved, process.env).redact,
    );
    this.log(JSON.stringify(shown, null, 2));
    return shown;
  }
}
