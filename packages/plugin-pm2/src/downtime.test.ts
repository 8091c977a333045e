import { expect, it } from "vitest";
import { faultsOfApp, type Seen } from "./downtime.ts";
import { aWorker } from "./testing/worker.ts";

const RELEASE = "/srv/shop/releases/r2";
const worker = (status: string, cwd: string | undefined = RELEASE, stored: object = {}): Seen => ({
  worker: aWorker({ status, stored: { env: {}, ...stored } }),
  cwd,
});
const faults = (...seen: Seen[]) =>
  faultsOfApp("shop", seen, RELEASE, "/srv/shop/releases").map(
    ({ problem, canRestore }) => `${problem}${canRestore ? " It can be restored." : ""}`,
  );

it("workers that are online in the current release, or on their way, are no downtime", () => {
  expect(faults(worker("online"), worker("online", `${RELEASE}/apps/web`))).toEqual([]);
  expect(faults(worker("launching", undefined), worker("stopping"), worker("waiting restart", undefined))).toEqual([]);
  // Where an app goes by itself is its own affair.
  expect(faults(worker("online", "/var/lib/shop"))).toEqual([]);
});

it("an app that PM2 does not have, and one at work in another release, can be restored", () => {
  expect(faults()).toEqual(["PM2 does not have shop. It can be restored."]);
  expect(faults(worker("online", "/srv/shop/releases/r1 (deleted)"), worker("online"))).toEqual([
    "At work in /srv/shop/releases/r1 (deleted): 1 of 2 workers of shop. It can be restored.",
  ]);
});

it("what a person has stopped, and what ends at every start, is told and left", () => {
  expect(faults(worker("stopped", undefined), worker("online"))).toEqual(["Stopped: 1 of 2 workers of shop."]);
  expect(faults(worker("errored", undefined))).toEqual(["Ended at every start: 1 of 1 workers of shop."]);
});

it("one that is not to be restarted has only done its work", () => {
  expect(faults(worker("stopped", undefined, { autorestart: false }))).toEqual([]);
});
