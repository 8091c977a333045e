import { coreError } from "../errors/catalog.ts";
import { plural } from "../errors/plural.ts";
import type { PreflightContext, Problem } from "../plugin/contexts.ts";
import { missingFiles } from "../release/links.ts";
import { extend, type Session } from "./session.ts";

/** Asks core and every plugin whether a run can begin; touches nothing. @throws ERR_PREFLIGHT with every problem at once */
export async function preflight(session: Session): Promise<void> {
  const problems: Problem[] = [];
  for (const path of await missingFiles(session.ports.fs, session.paths, session.config.shared)) {
    problems.push({
      plugin: "core",
      message: `Shared file is missing: ${path}.`,
      hint: "Create it on this machine, or mark it in the config: { path, mayBeMissing: true }.",
    });
  }
  for (const plugin of session.resolved.plugins) {
    const context: PreflightContext = extend(session.context(plugin.name), {
      problem: (message: string, hint: string) => {
        problems.push({ plugin: plugin.name, message: session.redact(message), hint });
      },
      useNode: (path: string, reason: string) => {
        session.node = { path, reason };
      },
    });
    await plugin.preflight?.(context);
  }
  if (problems.length === 0) return;
  const lines = problems.map(({ plugin, message, hint }) => `  ${plugin}: ${message} ${hint}`);
  throw coreError("ERR_PREFLIGHT", {
    message: `${plural(problems.length, "problem was", "problems were")} found; no release was made.\n${lines.join("\n")}`,
    hint: "Mend this on the machine or in the config, then run `deployer check` again.",
    details: { problems },
  });
}
