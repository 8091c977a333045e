import { handle, run } from "@oclif/core";
import { shareModules } from "./config/share-modules.ts";
import { dropWhatFails, flushed } from "./view/lossy-output.ts";

/** Runs the command line and ends the process. `url` is that of the bin file, beside which oclif finds the package. */
export async function main(url: string): Promise<never> {
  const streams = [process.stdout, process.stderr];
  for (const stream of streams) dropWhatFails(stream);
  shareModules();
  try {
    await run(process.argv.slice(2), url);
  } catch (error) {
    await handle(error as Error);
  }
  for (const stream of streams) await flushed(stream);
  // What is still open, as of an undo action that never ended, holds nothing up.
  process.exit();
}
