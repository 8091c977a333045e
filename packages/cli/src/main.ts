import { DeployError, errorResult } from "@deployer/core";
import { handle, run } from "@oclif/core";
import { shareModules } from "./config/share-modules.ts";
import { cliError } from "./errors.ts";
import { describeResult } from "./view/describe-result.ts";
import { dropWhatFails, flushed } from "./view/lossy-output.ts";

const WRITABLE_BY_OTHERS = 0o002;

/** Runs the command line and ends the process. `url` is that of the bin file, beside which oclif finds the package. */
export async function main(url: string): Promise<never> {
  const streams = [process.stdout, process.stderr];
  for (const stream of streams) dropWhatFails(stream);
  // What runs under umask 0, as in some containers, would leave releases that every user can write, and be refused next time.
  process.umask(process.umask() | WRITABLE_BY_OTHERS);
  // Without it oclif asks for the user's entry, which a container need not have, and fails.
  process.env.SHELL ??= "/bin/sh";
  shareModules();
  if (hasWorkingDirectory()) await run(asFlag(process.argv.slice(2)), url).catch(tell);
  else tell(workingDirectoryGone());
  for (const stream of streams) await flushed(stream);
  // What is still open, as of an undo action that never ended, holds nothing up.
  process.exit();
}

/** `help db undo` is `db undo --help`. */
function asFlag([first, ...rest]: string[]): string[] {
  return first === "help" ? [...rest, "--help"] : first === undefined ? [] : [first, ...rest];
}

/** A shell may still be in a folder that was removed; oclif and the search for the config would fail in their own words. */
function hasWorkingDirectory(): boolean {
  try {
    return process.cwd() !== "";
  } catch {
    return false;
  }
}

function workingDirectoryGone(): DeployError {
  return cliError("ERR_WORKING_DIRECTORY", {
    message: "The working directory of this command was removed.",
    hint: "Change into a folder that is there: cd /srv/shop",
  });
}

function tell(error: Error): void {
  if (!(error instanceof DeployError)) return void handle(error);
  const result = errorResult(error);
  process.exitCode = result.exitCode;
  if (process.argv.includes("--json")) process.stdout.write(`${JSON.stringify(result, null, 2)}\n`);
  else process.stderr.write(`${describeResult(result)}\n`);
}
