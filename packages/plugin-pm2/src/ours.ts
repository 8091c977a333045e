import { isInside, type Layout } from "@deployer/core";
import type { Worker } from "./worker.ts";

/** Whether a process of PM2 belongs to this root: it runs through `current`, or was started from inside a release. */
export function isOurs(worker: Worker, paths: Pick<Layout, "current" | "releases">): boolean {
  return [worker.cwd, worker.script].some((path) => isInside(path, paths.current) || isInside(path, paths.releases));
}
