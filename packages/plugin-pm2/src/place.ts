import { type Context, installPreload, type ReleaseInfo, refuseLongSocketPath } from "@deployer/core";
import { cleanEnvironment } from "./child.ts";
import { pm2Home } from "./daemon.ts";
import type { Pm2Place } from "./pm2-app.ts";
import { currentDirectory } from "./read-definitions.ts";

/** Where the workers of a release find what they need, made ready: the preload script and the folder of private sockets. */
export async function pm2Place(context: Context, release: ReleaseInfo): Promise<Pm2Place> {
  refuseLongSocketPath(context.paths);
  await context.fs.makeDirectory(context.paths.sockets, 0o700);
  await removeStaleSockets(context);
  return {
    current: currentDirectory(context),
    preload: await installPreload(context.fs, context.paths),
    sockets: context.paths.sockets,
    revision: release.revision.hash,
    env: { ...cleanEnvironment(context), PM2_HOME: pm2Home(context) },
  };
}

// A worker that was killed leaves its socket behind.
async function removeStaleSockets({ fs, paths, processes }: Context): Promise<void> {
  for (const name of await fs.list(paths.sockets)) {
    const pid = Number.parseInt(name, 10);
    if (!Number.isNaN(pid) && (await processes.identity(pid)) === undefined)
      await fs.remove(`${paths.sockets}/${name}`);
  }
}
