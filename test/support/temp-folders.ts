import { readdirSync } from "node:fs";

const RUN = "DEPLOYER_E2E_RUN";

/** Names this run of the tests, for its workers, which inherit the environment. */
export function nameRun(): void {
  process.env[RUN] = process.pid.toString(36);
}

/** How the temp folders of this run begin. Short: unix sockets lie below them, and their paths have a limit. */
export function sitePrefix(): string {
  return `/tmp/dp-${process.env[RUN] ?? "x"}-`;
}

/** The temp folders of this run that are still there. */
export function leftFolders(): string[] {
  const prefix = sitePrefix().slice("/tmp/".length);
  return readdirSync("/tmp").filter((name) => name.startsWith(prefix));
}
