import { readFile, writeFile } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { Flags, type Interfaces } from "@oclif/core";
import { BaseCommand } from "../base-command.ts";
import { editorTypes, isEditorTypes } from "../config/editor-types.ts";
import { cliError } from "../errors.ts";

export default class Types extends BaseCommand {
  static override summary = "Write a tsconfig.json, so that an editor knows the types of the config.";
  static override description =
    "Nothing is installed: the file leads `@deployer/*` and the types of Node to the command that runs. It goes beside the config, which need not be there yet. A tsconfig.json of your own is never overwritten.";
  static override flags: Interfaces.FlagInput<{ print: boolean }> = {
    print: Flags.boolean<boolean>({ default: false, summary: "Print the file instead of writing it." }),
  };
  static override examples: string[] = ["<%= config.bin %> types", "npx -p typescript tsc --noEmit"];

  protected override async perform(): Promise<{ schema: 1; file: string | null; text: string }> {
    const { flags } = await this.parse(Types);
    const config = resolve(flags.config ?? "deployer.config.*");
    const text = editorTypes([basename(config)]);
    if (flags.print) {
      this.log(text.trimEnd());
      return { schema: 1, file: null, text };
    }
    const file = join(dirname(config), "tsconfig.json");
    await refuseForeign(file);
    await writeFile(file, text);
    if (!flags.quiet) this.log(`Wrote ${file}: \`@deployer/*\` are the types of this command.`);
    return { schema: 1, file, text };
  }
}

async function refuseForeign(file: string): Promise<void> {
  const there = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
  if (there === undefined || isEditorTypes(there)) return;
  throw cliError("ERR_FILE_THERE", {
    message: `${file} was not written by \`deployer types\`, and stays as it is.`,
    hint: "Put the `paths`, `types` and `typeRoots` of `deployer types --print` into it, or move it away.",
    details: { file },
  });
}
