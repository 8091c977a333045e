import { mkdtempSync, realpathSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Layout, layout } from "../release/layout.ts";

/** A folder that is gone after the test: `await using folder = temporaryDirectory()`, or `afterEach(folder.remove)`. */
export interface TemporaryDirectory extends AsyncDisposable {
  /** Absolute, without links in it. */
  readonly path: string;
  remove(): Promise<void>;
}

/** Makes an empty folder below the system's folder for temporary files. */
export function temporaryDirectory(name = "deployer-test"): TemporaryDirectory {
  const path = realpathSync(mkdtempSync(join(tmpdir(), `${name}-`)));
  const remove = (): Promise<void> => rm(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
  return { path, remove, [Symbol.asyncDispose]: remove };
}

export interface TemporaryRoot extends TemporaryDirectory {
  /** Where everything would lie below it; nothing of it is there yet. */
  readonly paths: Layout;
}

/** Makes an empty folder to be an app's root. */
export function temporaryRoot(): TemporaryRoot {
  const folder = temporaryDirectory("deployer-root");
  return { ...folder, paths: layout(folder.path) };
}
