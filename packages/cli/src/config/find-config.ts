import { access, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { SUPPORTED_EXTENSIONS } from "c12";
import { cliError } from "../errors.ts";

/**
 * The config file: the one that was named, or `deployer.config.*` of this folder.
 * @throws ERR_CONFIG_MISSING, and ERR_CONFIG_AMBIGUOUS when the folder has several
 */
export async function findConfig(named: string | undefined, cwd: string): Promise<string> {
  if (named !== undefined) {
    const file = resolve(cwd, named);
    if ((await stat(file).catch(() => undefined))?.isFile()) return file;
    throw cliError("ERR_CONFIG_MISSING", {
      message: `There is no config file ${file}.`,
      hint: "Correct --config.",
      details: { file },
    });
  }
  const [file, ...others] = await configsOf(cwd);
  if (file === undefined) {
    const readme = fileURLToPath(new URL("../../README.md", import.meta.url));
    throw cliError("ERR_CONFIG_MISSING", {
      message: `There is no deployer.config.* in ${cwd}.`,
      hint: `Name it, such as --config /srv/shop/deployer.config.ts, or copy the one in ${readme}.`,
      details: { folder: cwd },
    });
  }
  if (others.length === 0) return file;
  throw cliError("ERR_CONFIG_AMBIGUOUS", {
    message: `There are several config files: ${[file, ...others].join(", ")}.`,
    hint: "Remove all but one, or name one with --config.",
    details: { files: [file, ...others] },
  });
}

/** All of them: one that is chosen in silence may be last year's. */
async function configsOf(folder: string): Promise<string[]> {
  const files = SUPPORTED_EXTENSIONS.map((extension) => join(folder, `deployer.config${extension}`));
  const found = await Promise.all(
    files.map((file) =>
      access(file).then(
        () => true,
        () => false,
      ),
    ),
  );
  return files.filter((_file, index) => found[index]);
}
