import type { App } from "./app.ts";
import { badServers, plainServer } from "./apps.ts";
import { type Chosen, DeployerSide, type Deployment } from "./deployer-side.ts";
import { PlainSide } from "./plain-side.ts";
import type { Measured } from "./row.ts";
import { Visitors, type Visits } from "./visitors.ts";

export interface BadVariants {
  readonly instances: number;
  /** The names of those that are tried. */
  readonly atGate: readonly string[];
  readonly atReload: readonly string[];
  readonly byHand: readonly string[];
  readonly requests: number;
  /** An outage lasts until somebody acts: it is watched for so many requests. */
  readonly requestsByHand: number;
}

/** As people have them: the defaults. */
const WAITS = { settleMs: 5_000, soakMs: 5_000 };

const app: App = {
  script: "server.cjs",
  files: (marker) => plainServer(marker),
  // What never becomes healthy is waited for so long.
  healthTimeoutMs: 10_000,
};

/** Bad releases under load: at the gate, then with the gate off, and by hand. Each must be refused, and the good one serve. */
export async function badRows(given: BadVariants, told: (measured: Measured) => void): Promise<void> {
  const plain = await byHand(given);
  for (const gate of [true, false]) {
    const side = await DeployerSide.create(app, given.instances);
    try {
      side.configure({ gate: true, settleMs: 1_000, soakMs: 1_000 });
      const good = await side.push(app.files("good"));
      const first = await side.deploy();
      if (first.result.outcome !== "deployed")
        throw new Error(`the first deployment failed: ${first.result.error?.message}`);
      const chosen = { gate, ...WAITS };
      side.configure(chosen);
      for (const name of gate ? given.atGate : given.atReload) {
        told(await refused(side, given, chosen, name, good, plain.get(name)));
      }
    } finally {
      await side.world.remove();
    }
  }
}

async function refused(
  side: DeployerSide,
  { instances, requests }: BadVariants,
  { gate, settleMs, soakMs }: Chosen,
  name: string,
  good: string,
  plain: Visits | undefined,
): Promise<Measured> {
  await side.world.serves(good);
  const current = side.current();
  await side.push(plainServer(name, badServers[name]));
  const visitors = Visitors.start(side.world.url);
  let deployment: Deployment;
  let visits: Visits;
  try {
    deployment = await side.deploy();
    await side.world.serves(good);
    await visitors.until(requests);
  } finally {
    visits = await visitors.stop();
  }
  const { exitCode, error } = deployment.result;
  const stays = side.current() === current && (await side.workers()) === instances;
  return {
    row: {
      variant: name,
      mode: `cluster x${instances}`,
      gate,
      expected: gate ? 0 : null,
      deployments: 1,
      requests: visits.requests,
      failed: visits.failed,
      plainFailed: plain?.failed ?? null,
      settleMs: gate ? settleMs : 0,
      soakMs,
    },
    notes: {
      plainRequests: plain?.requests ?? 0,
      failures: visits.failures,
      plainFailures: plain?.failures ?? {},
      longestMs: visits.longestMs,
      workMs: Math.round(deployment.milliseconds - deployment.waitedMs),
      waitedMs: deployment.waitedMs,
      ...(exitCode === 4 && error !== null && stays ? { refusedBy: error.code } : {}),
    },
  };
}

async function byHand({ instances, byHand: names, requestsByHand }: BadVariants): Promise<ReadonlyMap<string, Visits>> {
  const found = new Map<string, Visits>();
  if (names.length === 0) return found;
  const side = await PlainSide.create(app, instances);
  try {
    const good = await side.release(app.files("good"));
    for (const name of names) {
      await side.start(good);
      const visitors = Visitors.start(side.world.url);
      try {
        await side.switchTo(await side.release(plainServer(name, badServers[name])));
        await visitors.until(requestsByHand);
      } finally {
        found.set(name, await visitors.stop());
      }
    }
  } finally {
    await side.world.remove();
  }
  return found;
}
