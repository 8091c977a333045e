// Migrates in a process of its own, so that the run can end it when the app's writers have waited long enough, and so
// that it outlives the run once it commits. The order comes by IPC; when the run dies before it allowed the COMMIT, this
// process ends, in the middle of a statement too, and every database is as it was.
import { once } from "node:events";
import { endWithParent } from "./child-report.ts";
import { HeldFailure, type HeldProblem } from "./held-failure.ts";
import { runHeld } from "./held-run.ts";
import type { MigrationJournal } from "./journal.ts";

/** What the run says. */
export type ToChild =
  | {
      readonly type: "begin";
      readonly path: string;
      readonly journal: MigrationJournal;
      readonly names: readonly string[];
    }
  | { readonly type: "commit" };

/** What the child says. */
export type FromChild =
  | { readonly type: "making" }
  | { readonly type: "made" }
  | { readonly type: "locked" }
  | { readonly type: "unlocked" }
  | { readonly type: "ready" }
  | { readonly type: "committed"; readonly database: string }
  | { readonly type: "done"; readonly lockedMs: number }
  | { readonly type: "failed"; readonly database: string; readonly problem: HeldProblem }
  | { readonly type: "defect"; readonly message: string };

process.umask(0o077);
let permitted = false;
process.on("disconnect", () => {
  if (!permitted) process.exit(1);
});
const orders = once(process, "message");
const watch = await endWithParent();
const [order] = (await orders) as [ToChild];
if (order.type === "begin") await migrate(order);
process.disconnect?.();

async function migrate({ path, journal, names }: Extract<ToChild, { type: "begin" }>): Promise<void> {
  try {
    const lockedMs = await runHeld(path, journal, names, {
      making: () => tell({ type: "making" }),
      made: () => tell({ type: "made" }),
      locked: () => tell({ type: "locked" }),
      unlocked: () => tell({ type: "unlocked" }),
      async mayCommit() {
        const answer = once(process, "message");
        // From here on the run may allow the COMMIT and die; if it dies before that, "disconnect" tells.
        watch.stop();
        // A run that was stopped (SIGSTOP, a suspended machine) must not keep the app waiting through us.
        const impatience = setTimeout(() => process.exit(1), journal.limitMs);
        await tell({ type: "ready" });
        await answer;
        clearTimeout(impatience);
        permitted = true;
      },
      committed: (database) => tell({ type: "committed", database }),
    });
    await tell({ type: "done", lockedMs });
  } catch (error) {
    await tell(describe(error));
  }
}

function describe(error: unknown): FromChild {
  if (error instanceof HeldFailure) return { type: "failed", database: error.database, problem: error.problem };
  return { type: "defect", message: error instanceof Error ? (error.stack ?? error.message) : String(error) };
}

/** Resolves when it was handed over; nobody listening is no error: whoever comes later reads the journal. */
function tell(message: FromChild): Promise<void> {
  return new Promise((resolve) => {
    if (!process.connected) return resolve();
    process.send?.(message, () => resolve());
  });
}
