import { existsSync, readlinkSync } from "node:fs";
import { basename, join } from "node:path";
import { coreError } from "../errors/catalog.ts";
import { type Layout, REVISION_FILE } from "../release/layout.ts";
import { RunStore } from "./run-store.ts";

/**
 * The store for a command that only looks; `undefined` when there is none yet. One that was lost is not made anew here,
 * and what is served must not be told as nothing.
 * @throws ERR_STORE_NEWER, ERR_STORE_DAMAGED
 */
export function openToLook(paths: Layout): RunStore | undefined {
  const store = RunStore.openReadOnly(paths.store);
  const served = store === undefined ? servedRelease(paths) : undefined;
  if (served === undefined) return store;
  throw coreError("ERR_STORE_DAMAGED", {
    message: `There is no run store in ${paths.state}, although ${paths.current} leads to ${served}.`,
    hint: "Run `deployer check`: it makes a new one from the releases on disk.",
    details: { release: served },
  });
}

function servedRelease(paths: Layout): string | undefined {
  try {
    const id = basename(readlinkSync(paths.current));
    return existsSync(join(paths.releases, id, REVISION_FILE)) ? id : undefined;
  } catch {
    return undefined; // no link
  }
}
