import { join } from "node:path";
import type { BuildContext } from "@deployer/core";
import satisfies from "semver/functions/satisfies.js";
import validRange from "semver/ranges/valid.js";
import { nodeError } from "./errors.ts";
import { foldersOf, readPackageJson } from "./package-json.ts";

const STRICT = /^\s*engine-strict\s*(=\s*"?true"?\s*)?$/m;

/**
 * Says when the Node that will run the app is none that its package.json asks for, before anything is installed. As with
 * npm it is a warning, and a refusal where `.npmrc` says engine-strict.
 * @throws ERR_NODE_ENGINE
 */
export async function checkNodeEngine(ctx: BuildContext): Promise<void> {
  const asked = (await readPackageJson(ctx.fs, ctx.release.appPath))?.engines?.node;
  if (typeof asked !== "string" || validRange(asked) === null) return;
  const version = await versionOf(ctx);
  if (version === undefined || satisfies(version, asked, { includePrerelease: true })) return;
  const { path, reason } = ctx.node;
  const message = `The app asks for Node ${asked} (engines in package.json) and would run on ${version}, ${path}: ${reason}.`;
  const hint =
    "Install a Node that fits and let it run the app (PM2: run `pm2 update` with it, which restarts its apps), or correct `engines`.";
  if (!(await isStrict(ctx))) return ctx.warn(`${message} ${hint}`);
  throw nodeError("ERR_NODE_ENGINE", { message, hint, details: { asked, version, path } });
}

async function versionOf(ctx: BuildContext): Promise<string | undefined> {
  const { path } = ctx.node;
  const command = { file: path, args: ["--version"], cwd: ctx.release.appPath, env: ctx.env, timeoutMs: 60_000 };
  const said = await ctx.runner.run({ ...command, signal: ctx.signal });
  ctx.signal.throwIfAborted();
  return said.ok ? said.stdout.trim().replace(/^v/, "") : undefined;
}

async function isStrict({ fs, release }: BuildContext): Promise<boolean> {
  for (const folder of foldersOf(release)) {
    const path = join(folder, ".npmrc");
    if ((await fs.resolve(path))?.kind === "file" && STRICT.test(await fs.readText(path))) return true;
  }
  return false;
}
