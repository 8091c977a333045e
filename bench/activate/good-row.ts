import type { App } from "./app.ts";
import { DeployerSide, type Deployment } from "./deployer-side.ts";
import { PlainSide } from "./plain-side.ts";
import { type Measured, median } from "./row.ts";
import { Visitors, type Visits } from "./visitors.ts";

export interface GoodVariant {
  readonly variant: string;
  readonly app: App;
  readonly instances: number;
  readonly deployments: number;
  /** At least so many requests on each side. */
  readonly requests: number;
}

const WAITS = { gate: true, settleMs: 1_000, soakMs: 1_000 };

/** Good releases under load, one after the other: by the deployer, then by hand. @throws when one is not deployed */
export async function goodRow(given: GoodVariant): Promise<Measured> {
  const ours = await byDeployer(given);
  const plain = await byHand(given);
  const { variant, instances, deployments } = given;
  const { requests, failed, failures, longestMs } = ours.visits;
  return {
    row: {
      variant,
      mode: `cluster x${instances}`,
      gate: true,
      expected: 0,
      deployments,
      requests,
      failed,
      plainFailed: plain.failed,
      settleMs: WAITS.settleMs,
      soakMs: WAITS.soakMs,
      rollbackMs: Math.round(ours.rollbackMs),
    },
    notes: {
      plainRequests: plain.requests,
      failures,
      plainFailures: plain.failures,
      longestMs,
      workMs: median(ours.done.map(({ milliseconds, waitedMs }) => milliseconds - waitedMs)),
      waitedMs: ours.done.reduce((sum, { waitedMs }) => sum + waitedMs, 0),
    },
  };
}

async function byDeployer(given: GoodVariant): Promise<{ visits: Visits; done: Deployment[]; rollbackMs: number }> {
  const side = await DeployerSide.create(given.app, given.instances);
  try {
    side.configure(WAITS);
    await next(side, given, 0);
    const visitors = Visitors.start(side.world.url);
    const done: Deployment[] = [];
    let rollbackMs: number;
    let visits: Visits;
    try {
      for (let index = 1; index <= given.deployments; index += 1) done.push(await next(side, given, index));
      rollbackMs = await rollBack(side, given);
      await visitors.until(given.requests);
    } finally {
      visits = await visitors.stop();
    }
    return { visits, done, rollbackMs };
  } finally {
    await side.world.remove();
  }
}

async function next(side: DeployerSide, { app, variant }: GoodVariant, index: number): Promise<Deployment> {
  const revision = await side.push(app.files(`commit ${index}`));
  const deployment = await side.deploy();
  const { outcome, error } = deployment.result;
  if (outcome !== "deployed") throw new Error(`${variant}: deployment ${index} was ${outcome}: ${error?.message}`);
  await side.world.serves(revision);
  return deployment;
}

async function rollBack(side: DeployerSide, { variant }: GoodVariant): Promise<number> {
  const { result, milliseconds, waitedMs } = await side.rollBack();
  if (result.outcome !== "rolled-back")
    throw new Error(`${variant}: the rollback ${result.outcome}: ${result.error?.message}`);
  return milliseconds - waitedMs;
}

async function byHand(given: GoodVariant): Promise<Visits> {
  const side = await PlainSide.create(given.app, given.instances);
  try {
    await side.start(await side.release(given.app.files("commit 0")));
    const visitors = Visitors.start(side.world.url);
    let visits: Visits;
    try {
      for (let index = 1; index <= given.deployments; index += 1) {
        await side.switchTo(await side.release(given.app.files(`commit ${index}`)));
      }
      await visitors.until(given.requests);
    } finally {
      visits = await visitors.stop();
    }
    return visits;
  } finally {
    await side.world.remove();
  }
}
