import { describe, expect, it } from "vitest";
import { mayMount, onSmallDisk, type Story } from "./testing/small-disk.ts";

const OLD = ["old", "old", "old"];
const NEW = ["new", "new", "new"];

describe.skipIf(!mayMount)(
  mayMount
    ? "a disk that another process fills"
    : "a disk that another process fills (skipped: `unshare -rm` may not mount)",
  () => {
    it.each([
      ["while the databases are copied for the rehearsal", "rehearsal", "ERR_COPY_FAILED", []],
      ["while the snapshots are made", "snapshot", "ERR_SNAPSHOT_FAILED", ["aborted"]],
      ["while the statements run under the lock", "statements", "ERR_MIGRATION_FAILED", ["aborted"]],
      ["when the journal is to say that it commits", "journal", "ERR_SNAPSHOT_FAILED", ["aborted"]],
    ] as const)(
      "%s leaves all as before and nothing of its own, and the next run migrates all",
      async (_, stage, code, journals) => {
        const story = await onSmallDisk(stage);
        expect(story).toMatchObject({ error: { code }, states: OLD, journals, snapshots: [], leftovers: [] });
        expectWhole(story);
      },
      60_000,
    );

    it("at the COMMITs keeps none of them from its room: all is new", async () => {
      const story = await onSmallDisk("commit");
      expect(story).toMatchObject({ error: null, states: NEW, journals: ["done"], leftovers: [] });
      expectWhole(story);
    });
  },
);

/** No acknowledged write of the app is lost; it was refused none but for want of room; a plain rerun ends new. */
function expectWhole({ error, lost, refused, rerun }: Story): void {
  if (error !== null) expect(error.exitCode).toBeGreaterThan(0);
  expect(lost).toEqual([0, 0, 0]);
  expect(refused.filter((code) => !/^SQLITE_(FULL|IOERR)/.test(code))).toEqual([]);
  expect(rerun).toEqual({ states: NEW, leftovers: [] });
}
