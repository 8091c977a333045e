import { join } from "node:path";
import { type Context, type Downtime, isInside, type StatusContext } from "@deployer/core";
import { pm2Home, runningDaemon } from "./daemon.ts";
import { isOurs } from "./ours.ts";
import { pm2ProcessManager } from "./pm2-process-manager.ts";
import type { ProcessManager } from "./process-manager.ts";
import { isStartedByUs, servedApps } from "./tidy.ts";
import type { Worker } from "./worker.ts";

// At boot PM2 starts its saved apps one after the other.
const RESURRECTION_MS = 30_000;

/** Whether PM2 runs the apps of the current release, as its list and `/proc` say; asks no app. */
export async function downtime(context: StatusContext): Promise<Downtime | undefined> {
  if (context.current === undefined) return undefined;
  const home = pm2Home(context);
  const log = join(home, "pm2.log");
  if ((await runningDaemon(home)) === undefined) {
    const hint = `${log} says how it ended. After a reboot \`pm2 startup\` brings it back sooner.`;
    return { problem: "PM2 is not running.", hint, canRestore: true };
  }
  const manager = pm2ProcessManager(context, { home, package: "" });
  const ours = (await manager.list()).filter((worker) => isOurs(worker, context.paths));
  if (ours.length === 0) {
    const isStarting = await isResurrecting(context, manager, home);
    const problem = `PM2 has no process of this app${isStarting ? "; it was started a moment ago" : ""}.`;
    return { problem, hint: `Look at \`pm2 list\` and ${log}.`, canRestore: !isStarting };
  }
  const names = servedApps(context) ?? [...new Set(ours.map(({ name }) => name))];
  const release = await context.fs.realPath(context.current.path);
  const faults: Downtime[] = [];
  for (const name of names) {
    const seen = ours.filter((worker) => worker.name === name).map((worker) => lookAt(context, worker));
    faults.push(...faultsOfApp(name, await Promise.all(seen), release, context.paths.releases));
  }
  if (faults.length === 0) return undefined;
  return {
    problem: faults.map(({ problem }) => problem).join(" "),
    hint: [...new Set(faults.map(({ hint }) => hint))].join(" "),
    // To start what is gone would start what was stopped, too.
    canRestore: faults.every(({ canRestore }) => canRestore),
  };
}

/** A worker, and where it is at work. */
export interface Seen {
  readonly worker: Pick<Worker, "pid" | "status" | "stored">;
  readonly cwd: string | undefined;
}

/** What is wrong with the workers of one app; what is just starting or ending is not. */
export function faultsOfApp(name: string, seen: readonly Seen[], release: string, releases: string): Downtime[] {
  if (seen.length === 0) {
    const hint = `If it was taken out on purpose, take it out of its definition, too.`;
    return [{ problem: `PM2 does not have ${name}.`, hint, canRestore: true }];
  }
  const count = (found: readonly Seen[]): string => `${found.length} of ${seen.length} workers of ${name}`;
  const faults: Downtime[] = [];
  // One that is not to be restarted is through with its work.
  const stopped = seen.filter(({ worker }) => worker.status === "stopped" && worker.stored.autorestart !== false);
  if (stopped.length > 0)
    faults.push({
      problem: `Stopped: ${count(stopped)}.`,
      hint: `When it should run: pm2 start ${name}`,
      canRestore: false,
    });
  const errored = seen.filter(({ worker }) => worker.status === "errored");
  if (errored.length > 0) {
    const hint = `Its last lines say why: pm2 logs ${name}. Then: deployer reload`;
    faults.push({ problem: `Ended at every start: ${count(errored)}.`, hint, canRestore: false });
  }
  const elsewhere = seen.filter(
    ({ worker, cwd }) =>
      worker.status === "online" && cwd !== undefined && isInside(cwd, releases) && !isInside(cwd, release),
  );
  if (elsewhere.length > 0) {
    const problem = `At work in ${elsewhere[0]?.cwd}: ${count(elsewhere)}.`;
    faults.push({ problem, hint: `Look at \`pm2 list\`.`, canRestore: true });
  }
  return faults;
}

async function lookAt({ processes }: Context, worker: Worker): Promise<Seen> {
  return { worker, cwd: worker.pid === 0 ? undefined : await processes.workingDirectory(worker.pid) };
}

/** Whether PM2 may still be at starting what it had saved. Started by us it has nothing to bring back. */
async function isResurrecting(context: Context, manager: ProcessManager, home: string): Promise<boolean> {
  const started = (await context.fs.resolve(join(home, "pm2.pid")))?.modifiedMs ?? 0;
  const age = context.clock.now() - started;
  return age >= 0 && age < RESURRECTION_MS && !isStartedByUs(context, await manager.daemonPid());
}
