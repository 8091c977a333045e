import { drizzleError } from "./errors.ts";
import type { Rehearsal } from "./migrate.ts";
import type { DrizzleOptions } from "./options.ts";

const DEFAULT_MS = 1_000;
/** A rehearsal foretells the lock within about a third; the rest is for a busy machine. */
const CAUTION = 2;
const MAINTENANCE_CAUTION = 10;
const MAINTENANCE_LEAST_MS = 60_000;
/** What takes longer on a copy does not end at all, as far as anybody can wait for it. */
const STEP_MS = 60_000;
const MAINTENANCE_STEP_MS = 3_600_000;

/** How long the databases may be locked. */
export interface LockBudget {
  /** For how long one statement may run on a copy: one that takes longer is refused anyway, or has no end. */
  readonly stepMs: number;
  /** @throws ERR_LOCK_TOO_LONG when what was rehearsed so far would keep the app waiting for too long */
  refuseTooLong(rehearsal: Pick<Rehearsal, "predictedMs">): void;
  /** When the migrations are ended under the lock. */
  limitMs(rehearsal: Pick<Rehearsal, "predictedMs">): number;
}

export function lockBudget({
  maxLockMs = DEFAULT_MS,
  maintenance = false,
}: Pick<DrizzleOptions, "maxLockMs" | "maintenance">): LockBudget {
  return {
    stepMs: Math.max(maintenance ? MAINTENANCE_STEP_MS : STEP_MS, maxLockMs),
    refuseTooLong({ predictedMs }) {
      const total = sum(predictedMs);
      if (maintenance || total * CAUTION <= maxLockMs) return;
      const longest = [...predictedMs].sort(([, a], [, b]) => b - a).map(([name, ms]) => `${name} ${Math.ceil(ms)} ms`);
      throw drizzleError("ERR_LOCK_TOO_LONG", {
        message: `The migrations took ${Math.ceil(total)} ms on copies (${longest.join(", ")}). The app's writers would wait for up to twice that, and \`maxLockMs\` allows ${maxLockMs} ms. Nothing was locked.`,
        hint: `Split the migration into smaller ones, or raise \`maxLockMs\` to ${Math.ceil(total * CAUTION)} if the app's busy_timeout is at least ${Math.ceil(total * CAUTION * 4)}, or stop the app's writers and set \`maintenance: true\` for this deployment.`,
        details: { predictedMs: Object.fromEntries(predictedMs), maxLockMs },
      });
    },
    limitMs: ({ predictedMs }) =>
      maintenance ? Math.max(MAINTENANCE_LEAST_MS, sum(predictedMs) * MAINTENANCE_CAUTION) : maxLockMs * CAUTION,
  };
}

function sum(predictedMs: ReadonlyMap<string, number>): number {
  return [...predictedMs.values()].reduce((total, ms) => total + ms, 0);
}
