// npm run bench:migrate [-- --full]: what a migration costs the app that writes meanwhile, beside drizzle's own migrator.
// A table for people, then one line of JSON. What is measured, and how, stands in docs/benchmarks.md.
import { median, round, table } from "./migrate/figures.ts";
import { growth, idle } from "./migrate/growth.ts";
import { type PairRun, runOnce } from "./migrate/pairs.ts";
import { series } from "./migrate/series.ts";
import { makeTemplate } from "./migrate/shop.ts";

const full = process.argv.includes("--full");
const RATE = 300;
const SERIES = 100;
/** The series ends early on a machine that is too slow, and says how far it came. */
const SERIES_LIMIT_MS = full ? 600_000 : 120_000;
const PAIRS = full ? 7 : 3;
const IDLE_RUNS = full ? 501 : 201;

using small = makeTemplate({ core: 10, system: 1, content: 3 });
const figures = await series(small, SERIES, RATE, performance.now() + SERIES_LIMIT_MS);
table(`${figures.migrations} migrations of three databases, ${RATE} immediate writes/s on each`, [
  {
    "app errors": figures.appErrors,
    "lost writes": figures.lostWrites,
    "longest write ms": round(figures.longestWriteMs),
    "during copies ms": round(figures.copyLongestWriteMs),
  },
]);

using big = makeTemplate({ core: 200, system: 10, content: 10 });
const immediate = await pairs("immediate");
const deferred = await pairs("deferred");

const { idleMs, openMs } = await idle({ core: 10, system: 1, content: 3 }, IDLE_RUNS);
table("nothing pending, copies apart", [{ "ours ms": round(idleMs, 2), "opening ms": round(openMs, 2) }]);

const scale = [];
const points = [
  ...[1, 10, 50].map((databases) => [databases, 1, 1] as const),
  ...[10, 100, 1_000].map((migrations) => [1, migrations, 1] as const),
  ...[10, 200, ...(full ? [2_000] : [])].map((megabytes) => [1, 1, megabytes] as const),
];
for (const [databases, migrations, megabytes] of points) scale.push(await growth(databases, migrations, megabytes));
table(
  "as work grows: one new column in each database",
  scale.map((point) => ({ ...point })),
);

const sum = (runs: readonly PairRun[], of: (run: PairRun) => number): number =>
  runs.reduce((total, run) => total + of(run), 0);
const longest = (runs: readonly PairRun[]): number => median(runs.map(({ longestWriteMs }) => longestWriteMs));
console.log(
  JSON.stringify({
    bench: "migrate",
    full,
    pairs: PAIRS,
    migrations: figures.migrations,
    appErrors: figures.appErrors + sum(immediate.ours, ({ appErrors }) => appErrors),
    lostWrites:
      figures.lostWrites +
      sum(
        [...immediate.ours, ...deferred.ours, ...immediate.drizzle, ...deferred.drizzle],
        ({ lostWrites }) => lostWrites,
      ),
    longestWriteMs: round(longest(immediate.ours)),
    drizzleLongestWriteMs: round(longest(immediate.drizzle)),
    longestWriteRatio: round(longest(immediate.ours) / longest(immediate.drizzle), 2),
    lockedMs: median(immediate.ours.map(({ lockedMs }) => lockedMs)),
    seriesLongestWriteMs: round(figures.longestWriteMs),
    copyLongestWriteMs: round(figures.copyLongestWriteMs),
    deferredAppErrors: median(deferred.ours.map(({ appErrors }) => appErrors)),
    drizzleDeferredAppErrors: median(deferred.drizzle.map(({ appErrors }) => appErrors)),
    idleRatio: round(idleMs / openMs, 2),
    scale,
  }),
);

/** Ours and drizzle's in turn, so that what else the machine does meets both; each on a fresh copy of the data. */
async function pairs(behaviour: "immediate" | "deferred"): Promise<Record<"ours" | "drizzle", readonly PairRun[]>> {
  const runs = { ours: [] as PairRun[], drizzle: [] as PairRun[] };
  for (let pair = 0; pair < PAIRS; pair += 1) {
    const order = pair % 2 === 0 ? (["ours", "drizzle"] as const) : (["drizzle", "ours"] as const);
    for (const who of order) runs[who].push(await runOnce(who, behaviour, big, RATE));
  }
  table(
    `200 MB + 10 MB + 10 MB, ${behaviour} writes: medians of ${PAIRS}`,
    (["ours", "drizzle"] as const).map((who) => ({
      who,
      "longest write ms": round(median(runs[who].map(({ longestWriteMs }) => longestWriteMs))),
      "locked ms": who === "ours" ? median(runs[who].map(({ lockedMs }) => lockedMs)) : "-",
      "app errors": median(runs[who].map(({ appErrors }) => appErrors)),
    })),
  );
  return runs;
}
