// What a deployment costs the visitors: good and bad releases under a load of 210 requests a second, by the deployer and,
// beside it, by `ln -sfn` and `pm2 reload`. Ends with one line of JSON.
//
//   npm run bench:activate                    the rows that take five minutes
//   npm run bench:activate -- --full          all of them, about half an hour
//   npm run bench:activate -- --only Next     those whose name has this text; implies --full
//
// Exit code 1 when a request failed where none may, or a bad release was not refused.

import type { App } from "./activate/app.ts";
import { badServers, plainServer, slowStart, withShutdownCode } from "./activate/apps.ts";
import { badRows } from "./activate/bad-rows.ts";
import { type GoodVariant, goodRow } from "./activate/good-row.ts";
import { NextApp } from "./activate/next-app.ts";
import type { Measured } from "./activate/row.ts";
import { tableHead, tableLine } from "./activate/table.ts";
import { removeWorlds } from "./activate/world.ts";

const only = process.argv.includes("--only") ? process.argv[process.argv.indexOf("--only") + 1] : undefined;
const full = process.argv.includes("--full") || only !== undefined;
const measured: Measured[] = [];
let next: NextApp | undefined;

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => {
    void cleanUp().then(() => process.exit(130));
  });
}

console.log(tableHead());
try {
  for (const variant of await goodVariants()) {
    if (isWanted(variant.variant)) await row(variant.variant, async () => tell(await goodRow(variant)));
  }
  const names = Object.keys(badServers).filter(isWanted);
  const few = names.filter((name) => ["throws at start", "never listens", "answers 500"].includes(name));
  if (names.length > 0) {
    const variants = full
      ? { atGate: names, atReload: names, byHand: names, requests: 4_000, requestsByHand: 4_000 }
      : { atGate: names, atReload: few, byHand: few, requests: 0, requestsByHand: 2_500 };
    await row("bad releases", () => badRows({ instances: 2, ...variants }, tell));
  }
} finally {
  await cleanUp();
}
conclude();

async function goodVariants(): Promise<GoodVariant[]> {
  const app = (source = {}): App => ({
    script: "server.cjs",
    files: (marker) => plainServer(marker, source),
    healthTimeoutMs: 30_000,
  });
  const plain = [1, 2].map((instances) => ({ variant: "plain server", app: app(), instances }));
  if (!full) return plain.map((variant) => ({ ...variant, deployments: 3, requests: 0 }));
  if (isWanted("Next.js start") || isWanted("Next.js standalone")) next = await NextApp.build();
  const few = [
    { variant: "with shutdown code", app: app(withShutdownCode) },
    { variant: "slow start (4 s)", app: app(slowStart) },
    ...(next === undefined ? [] : [{ variant: "Next.js standalone", app: next.standalone }]),
  ];
  const starts = [1, 2].flatMap((instances) =>
    next === undefined ? [] : [{ variant: "Next.js start", app: next.server, instances }],
  );
  return [
    ...[...plain, ...starts].map((variant) => ({ ...variant, deployments: 20, requests: 4_000 })),
    ...few.map((variant) => ({ ...variant, instances: 2, deployments: 5, requests: 4_000 })),
  ];
}

function isWanted(name: string): boolean {
  return only === undefined || name.includes(only);
}

/** One row that cannot be measured is told, fails the bench and keeps no other from it. */
async function row(name: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    process.exitCode = 1;
    console.error(`${name}: ${error instanceof Error ? error.message : String(error)}`);
    await removeWorlds();
  }
}

function tell(row: Measured): void {
  measured.push(row);
  console.log(tableLine(row));
}

async function cleanUp(): Promise<void> {
  await removeWorlds();
  next?.remove();
}

function conclude(): void {
  const rows = measured.map(({ row }) => row);
  const failed = rows.filter(({ expected }) => expected === 0).reduce((sum, row) => sum + row.failed, 0);
  const refusals = (gate: boolean): number =>
    measured.filter(({ row, notes }) => row.gate === gate && notes.refusedBy !== undefined).length;
  const bad = rows.filter(({ variant }) => variant in badServers).length;
  const refused = { gate: refusals(true), reload: refusals(false) };
  console.log(JSON.stringify({ bench: "activate", rows, failed, refused }));
  if (failed > 0 || refused.gate + refused.reload < bad) process.exitCode = 1;
}
