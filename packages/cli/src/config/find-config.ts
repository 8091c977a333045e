import { access, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { SUPPORTED_EXTENSIONS } from "c12";
import { cliError } from "../errors.ts";

/** The config file: the one that was named, or `deployer.config.*` of this folder. @throws ERR_CONFIG_MISSING */
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
  for (const extension of SUPPORTED_EXTENSIONS) {
    const file = join(cwd, `deployer.config${extension}`);
    const isThere = await access(file).then(
      () => true,
      () => false,
    );
    if (isThere) return file;
  }
  throw cliError("ERR_CONFIG_MISSING", {
    message: `There is no deployer.config.* in ${cwd}.`,
    hint: "Name it: --config /srv/shop/deployer.config.ts. The README has one to copy.",
    details: { folder: cwd },
  });
}
