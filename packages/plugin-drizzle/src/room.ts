import { drizzleError } from "./errors.ts";
import type { DatabasePlan } from "./plan.ts";
import type { RehearsalContext } from "./rehearse.ts";

/**
 * Whether copies fit: within `copies.maxBytes`, and within half of what is free, which belongs to the app's own growth.
 * @throws ERR_NO_ROOM_TO_REHEARSE when they do not and migrations are pending
 */
export async function hasRoomForCopies(
  plans: readonly DatabasePlan[],
  maxBytes: number,
  context: RehearsalContext,
): Promise<boolean> {
  const needed = plans.reduce((sum, { live }) => sum + (live?.bytes ?? 0), 0);
  const free = await context.fs.freeBytes(context.release.path);
  if (needed <= maxBytes && needed <= free / 2) return true;
  const limit =
    needed > maxBytes ? `copies.maxBytes allows ${maxBytes}` : `only half of the ${free} free bytes may be used`;
  if (plans.some(({ pending }) => pending.length > 0)) {
    throw drizzleError("ERR_NO_ROOM_TO_REHEARSE", {
      message: `Migrations are pending, and copies of the databases need ${needed} bytes, but ${limit}.`,
      hint: "Free some space where the releases lie, or raise `copies.maxBytes` in the config.",
      details: { needed, free, maxBytes },
    });
  }
  context.warn(`Build and trial see the live databases: copies need ${needed} bytes, but ${limit}.`);
  return false;
}
