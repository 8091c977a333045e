import { chmod } from "node:fs/promises";
import { join } from "node:path";
import type { Context } from "@deployer/core";
import { pm2Home } from "./daemon.ts";
import type { ProcessManager } from "./process-manager.ts";

/** Lets PM2 remember its list, so that a reboot starts `current`. The dump holds every app's environment: 0600. */
export async function saveList(
  context: Context,
  manager: ProcessManager,
  ours: readonly string[],
  isNewDaemon = false,
): Promise<void> {
  const home = pm2Home(context);
  const dump = join(home, "dump.pm2");
  const before = await namesIn(context, dump);
  const lost = [...before].filter((name) => !ours.includes(name));
  if (isNewDaemon && lost.length > 0) {
    context.warn(
      `PM2 was not running, and its saved list has ${lost.join(", ")}, which do not run now: nothing was saved. Bring them back with \`pm2 resurrect\`, then: pm2 save`,
    );
    return;
  }
  // PM2 copies it to dump.pm2.bak before it writes; both keep the mode that they have.
  await protect(home);
  await manager.save();
  await protect(home);
  const after = await namesIn(context, dump);
  const others = [...after].filter((name) => !before.has(name)).concat([...before].filter((name) => !after.has(name)));
  const foreign = others.filter((name) => !ours.includes(name));
  if (foreign.length > 0) context.info(`pm2 save also recorded what has changed of other apps: ${foreign.join(", ")}`);
}

async function protect(home: string): Promise<void> {
  for (const name of ["dump.pm2", "dump.pm2.bak"]) await chmod(join(home, name), 0o600).catch(() => {});
}

async function namesIn(context: Context, dump: string): Promise<Set<string>> {
  try {
    return new Set((JSON.parse(await context.fs.readText(dump)) as { name: string }[]).map(({ name }) => name));
  } catch {
    return new Set();
  }
}
