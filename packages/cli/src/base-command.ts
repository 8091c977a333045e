import { type AppConfig, Deployer, EXIT, errorResult, type Reporter, type RunResult } from "@deployer/core";
import { Command, Flags, type Interfaces } from "@oclif/core";
import { type LoadedConfig, loadConfig } from "./config/load-config.ts";
import { usageError } from "./usage-error.ts";
import { describeResult } from "./view/describe-result.ts";
import { progressView } from "./view/progress-view.ts";

export interface CommonFlags {
  readonly config: string | undefined;
  readonly env: string | undefined;
  readonly quiet: boolean;
}

// SIGHUP comes when the terminal is closed; without a listener it would kill the run in the middle.
const INTERRUPTING = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** Flags, config, errors and exit codes that all commands share. Each answers with an object, also when it fails. */
export abstract class BaseCommand extends Command {
  static override enableJsonFlag = true;
  static override baseFlags: Interfaces.FlagInput = {
    config: Flags.string({
      char: "c",
      summary: "Path of the config file (default: deployer.config.* of this folder).",
    }),
    env: Flags.string({ char: "e", summary: "Name of the environment, as staging." }),
    quiet: Flags.boolean({ char: "q", default: false, summary: "Print errors and warnings only; for cron." }),
  };

  /** Does the work and answers what `--json` prints; text goes through `this.log`. */
  protected abstract perform(): Promise<unknown>;

  override async run(): Promise<unknown> {
    try {
      return await this.perform();
    } catch (error) {
      return this.finish(errorResult(usageError(error)), false);
    }
  }

  protected load(flags: CommonFlags): Promise<LoadedConfig> {
    return loadConfig(flags.config, flags.env, process.cwd());
  }

  protected async loadApp(flags: CommonFlags): Promise<AppConfig> {
    return (await this.load(flags)).resolved.config;
  }

  /** A run, with its result as a person or a program reads it. */
  protected async withDeployer(
    flags: CommonFlags,
    work: (deployer: Deployer) => Promise<RunResult>,
  ): Promise<RunResult> {
    return this.finish(await this.interruptible(flags, work), flags.quiet);
  }

  /** Does something of a deployer with progress, and with Ctrl-C and SIGTERM undoing it. */
  protected async interruptible<T>(flags: CommonFlags, work: (deployer: Deployer) => Promise<T>): Promise<T> {
    const { resolved } = await this.load(flags);
    const interruption = new AbortController();
    const interrupt = (signal: NodeJS.Signals): void => interruption.abort(new Error(`interrupted by ${signal}`));
    for (const signal of INTERRUPTING) process.on(signal, interrupt);
    const view = progressView({ quiet: flags.quiet, json: this.jsonEnabled() });
    const reporters: Reporter[] = view === undefined ? [] : [view];
    try {
      return await work(new Deployer(resolved, { reporters, signal: interruption.signal }));
    } finally {
      view?.close();
      for (const signal of INTERRUPTING) process.off(signal, interrupt);
    }
  }

  // oclif takes text for JSON that is written already.
  protected override logJson(json: unknown): void {
    super.logJson(typeof json === "string" ? JSON.stringify(json) : json);
  }

  /** With --json oclif ignores an exit that is thrown, so the code is set in both ways of output. */
  protected finish<Result extends RunResult>(result: Result, quiet: boolean): Result {
    process.exitCode = result.exitCode;
    if (this.jsonEnabled()) return result;
    const text = describeResult(result);
    if (result.exitCode !== EXIT.ok) this.logToStderr(text);
    else if (!quiet) this.log(text);
    return result;
  }
}
