import { relative, sep } from "node:path";
import type { ProcessTable } from "../ports/process-table.ts";
import { isInside } from "./inside.ts";
import type { Layout } from "./layout.ts";

/** Ids of the releases that a process has as its working directory. */
export async function releasesInUse(processes: ProcessTable, paths: Layout): Promise<Set<string>> {
  const directories = await Promise.all((await processes.pids()).map((pid) => processes.workingDirectory(pid)));
  return new Set(
    directories
      .filter((directory) => directory !== undefined)
      .filter((directory) => isInside(directory, paths.releases))
      .map((directory) => relative(paths.releases, directory).split(sep)[0] as string),
  );
}
