import type { GateContext, Trial } from "@deployer/core";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { gate } from "./gate.ts";
import { type Settings, settingsOf } from "./options.ts";
import { Machine } from "./testing/machine.ts";

const BAD = 'throw new Error("no such column: nick");';

let machine: Machine;
beforeEach(async () => {
  machine = await Machine.make();
});
afterEach(() => machine.close());

function settings(previous?: boolean): Settings {
  return settingsOf({
    ecosystem: "ecosystem.config.cjs",
    health: { path: "/health", json: "revision" },
    healthTimeoutMs: 3_000,
    gate: { settleMs: 300, ...(previous === undefined ? {} : { previous }) },
  });
}

/** A gate with a second trial: the running release on the migrated copies. */
async function twoTrials(
  served: Parameters<Machine["release"]>[0],
  mayFail?: boolean,
  next: Parameters<Machine["release"]>[0] = {},
): Promise<GateContext & { readonly warnings: string[]; readonly infos?: string[] }> {
  const previous = await machine.release(served);
  const context = machine.gateContext(await machine.release(next));
  const second: Trial = {
    label: "the served release, on the migrated copies",
    release: previous,
    directory: previous.appPath,
    environment: { DEPLOYER_REVISION: previous.revision.hash },
    ...(mayFail === undefined ? {} : { mayFail }),
  };
  return Object.assign(context, { trials: [...context.trials, second] }) as never;
}

describe("the running release on the migrated copies", () => {
  it("is tried after the new one, and its failure refuses the release", async () => {
    await expect(gate(await twoTrials({ first: BAD }), settings())).rejects.toMatchObject({
      code: "ERR_CANDIDATE_DIED",
      message: expect.stringContaining("no such column: nick"),
    });
    await gate(await twoTrials({}), settings());
  });

  it("is not tried with `previous: false`", async () => {
    const context = await twoTrials({ first: BAD }, undefined, {});
    await gate(context, settings(false));
    expect(context.warnings).toEqual([]);
  });

  it("may fail when the break was acknowledged, which is told: there is no way back to it", async () => {
    const context = await twoTrials({ first: BAD }, true);
    await gate(context, settings());
    expect(context.warnings).toEqual([
      expect.stringMatching(
        /^There will be no rollback: the served release, on the migrated copies: .*no such column/s,
      ),
    ]);
  });

  it("makes no excuse for the new release", async () => {
    await expect(gate(await twoTrials({}, true, { first: BAD }), settings())).rejects.toMatchObject({
      code: "ERR_CANDIDATE_DIED",
    });
  });
});
