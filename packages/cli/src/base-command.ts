import { Deployer, EXIT, errorResult, type Reporter, type RunResult } from "@deployer/core";
import { Command, Flags, type Interfaces } from "@oclif/core";
import { dataOf } from "./answer.ts";
import { type LoadedConfig, loadConfig } from "./config/load-config.ts";
import { usageError } from "./usage-error.ts";
import { describeOver, describeResult } from "./view/describe-result.ts";
import { progressView } from "./view/progress-view.ts";

export type CommonFlags = {
  config: string | undefined;
  env: string | undefined;
  quiet: boolean;
};

// SIGHUP comes when the terminal is closed; without a listener it would kill the run in the middle.
const INTERRUPTING = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

const TOLD_AGAIN = "While it lasts, --quiet tells it again after an hour and then once a day; and when it is over.";

/** Flags, config, errors and exit codes that all commands share. Each answers with an object, also when it fails. */
export abstract class BaseCommand extends Command {
  static override enableJsonFlag = true;
  static override baseFlags: Interfaces.FlagInput<CommonFlags> = {
    config: Flags.string({
      char: "c",
      summary: "Path of the config file (default: deployer.config.* of this folder).",
    }),
    env: Flags.string({ char: "e", summary: "Name of the environment, as staging." }),
    quiet: Flags.boolean<boolean>({
      char: "q",
      default: false,
      summary: "Print errors and warnings only, and what lasts only now and then; for cron.",
    }),
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
    let isSilent = false;
    try {
      const result = await work(new Deployer(resolved, { reporters, signal: interruption.signal }));
      isSilent = flags.quiet && this.isOldNews(result);
      return result;
    } finally {
      view?.close(isSilent);
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
    if (this.jsonEnabled()) return result.answer === null ? result : { ...result, answer: dataOf(result.answer) };
    if (!quiet) this.#print(result, describeResult(result));
    else if (result.exitCode !== EXIT.ok) this.#printNews(result);
    else for (const line of describeOver(result)) this.logToStderr(line);
    return result;
  }

  /** Whether a quiet command keeps this to itself, because it was told before. */
  protected isOldNews(_result: unknown): boolean {
    return false;
  }

  #printNews(result: RunResult): void {
    if (this.isOldNews(result)) return;
    this.logToStderr(describeResult(result));
    if (result.outage !== null) this.logToStderr(TOLD_AGAIN);
  }

  #print(result: RunResult, text: string): void {
    if (result.exitCode !== EXIT.ok) this.logToStderr(text);
    else this.log(text);
  }
}
