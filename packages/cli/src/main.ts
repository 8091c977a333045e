import { execute } from "@oclif/core";
import { shareModules } from "./config/share-modules.ts";

/** Runs the command line. `url` is that of the bin file, beside which oclif finds the package. */
export async function main(url: string): Promise<void> {
  shareModules();
  await execute({ dir: url });
}
