import { join } from "node:path";
import type { Context } from "@deployer/core";
import { pm2Home } from "./daemon.ts";

// PM2's own command takes a lock for as long: a time in milliseconds in a file, which nobody renews.
const LOCK_MS = 30_000;
const RENEW_MS = 10_000;
const INTERVAL_MS = 500;
// Another deployer renews it, too. The apps of two roots do not come in each other's way.
const PATIENCE_MS = 120_000;
const STATE = "reload-lock";

/**
 * Holds PM2's own reload lock while `work` runs, so that a person's `pm2 reload` meanwhile is told to wait. One that is
 * held by somebody else is waited for; one that a kill left is void half a minute later.
 */
export async function withReloadLock<T>(context: Context, work: () => Promise<T>): Promise<T> {
  const { clock, fs } = context;
  const path = join(pm2Home(context), "reload.lock");
  const deadline = clock.elapsed() + PATIENCE_MS;
  let told = false;
  for (let left = await timeLeft(context, path); left > 0; left = await timeLeft(context, path)) {
    if (clock.elapsed() > deadline) break;
    if (!told)
      context.info("Somebody reloads apps with PM2 just now, or was killed while doing so; waiting for its lock");
    told = true;
    await clock.sleep(Math.min(INTERVAL_MS, left), context.signal);
  }
  const take = async (): Promise<void> => {
    const now = clock.now();
    context.state.set(STATE, now);
    await fs.writeAtomic(path, String(now), 0o600);
  };
  await take();
  const renewal = setInterval(() => void take().catch(() => {}), RENEW_MS);
  renewal.unref();
  try {
    return await work();
  } finally {
    clearInterval(renewal);
    await fs.writeAtomic(path, "", 0o600).catch(() => {});
  }
}

async function timeLeft({ clock, fs, state }: Context, path: string): Promise<number> {
  const text = (await fs.resolve(path)) === undefined ? "" : await fs.readText(path);
  const taken = Number.parseInt(text, 10);
  // Our own, of a run that was killed: nobody else deploys this app now.
  if (taken === state.get<number>(STATE)) return 0;
  const age = clock.now() - taken;
  // Garbage, and a time that is yet to come, lock nothing: that is how PM2 reads it, too.
  return Number.isNaN(taken) || age < 0 ? 0 : Math.max(0, LOCK_MS - age);
}
