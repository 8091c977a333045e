import {
  type ActivateContext,
  describeRequests,
  type HealthCheckOptions,
  httpProbe,
  type Prober,
  startProber,
} from "@deployer/core";
import type { AppDefinition } from "./definition.ts";
import type { ProbeOptions, Settings } from "./options.ts";
import { readDefinitions } from "./read-definitions.ts";

const PER_SECOND = 20;

/** Where visitors reach an app, and how it says there that it is well. */
export interface PublicDoor {
  readonly app: string;
  readonly host?: string;
  readonly port: number;
  readonly check: HealthCheckOptions;
}

/**
 * Samples what visitors get while `work` goes on, where the config asks for it: through the public port, each request on
 * a connection of its own. Undone work is sampled to its end. It only looks: nothing that it sees fails a run.
 */
export async function probed(context: ActivateContext, settings: Settings, work: () => Promise<void>): Promise<void> {
  const { probe } = settings;
  if (probe === undefined) return work();
  const { apps } = await readDefinitions(context, context.release.appPath, settings);
  const doors = publicDoors(apps, probe);
  if (doors.length === 0) context.warn("Requests are not counted: the app's port is not known. Write probe: { url }.");
  const probers: { door: PublicDoor; prober: Prober }[] = [];
  for (const door of doors) {
    const ask = httpProbe({ ...door.check, port: door.port, ...(door.host === undefined ? {} : { host: door.host }) });
    if ((await ask(context.signal)).healthy) {
      const prober = startProber({ clock: context.clock, probe: ask, perSecond: probe.perSecond ?? PER_SECOND });
      probers.push({ door, prober });
    } else {
      context.info(`${door.app}: requests are not counted, because nothing healthy answers on port ${door.port} yet`);
    }
  }
  const report = async (): Promise<void> => {
    for (const { door, prober } of probers.splice(0)) {
      const { faults, ...figures } = await prober.stop();
      context.measured(figures);
      context.info(`${door.app}: ${describeRequests(figures)}`);
      for (const [fault, count] of Object.entries(faults)) context.info(`${door.app}: ${count} requests: ${fault}`);
    }
  };
  // The first undo to be said is the last to run: what bringing the release before back costs is counted, too.
  const counting = context.undo("count the requests until here", report);
  await work();
  counting.drop();
  await report();
}

/** The doors that can be known: the one that is named, or each app's own port with the path of its health check. */
export function publicDoors(apps: readonly AppDefinition[], { url }: ProbeOptions): PublicDoor[] {
  if (url !== undefined) {
    const { hostname, port, pathname, search } = new URL(url);
    const path = `${pathname}${search}`;
    return [{ app: url, host: hostname.replace(/^\[|\]$/g, ""), port: Number(port) || 80, check: { path } }];
  }
  return apps.flatMap((app) => {
    const port = portOf(app);
    // What it says of its revision is no fault: old and new ones answer side by side.
    return app.health === undefined || port === undefined ? [] : [{ app: app.name, port, check: app.health }];
  });
}

// As Next.js and others have it on the command line, before the variable.
function portOf({ args, env }: AppDefinition): number | undefined {
  const [, inArgs] = /(?:^| )(?:-p|--port)[ =]?(\d+)(?: |$)/.exec(args.join(" ")) ?? [];
  return Number(inArgs ?? env.PORT) || undefined;
}
