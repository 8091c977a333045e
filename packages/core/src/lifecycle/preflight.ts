import { isAbsolute } from "node:path";
import { coreError } from "../errors/catalog.ts";
import { plural } from "../errors/plural.ts";
import { checkedTexts } from "../plugin/answers.ts";
import type { PreflightContext, Problem } from "../plugin/contexts.ts";
import { demand, shown } from "../plugin/odd-answer.ts";
import { missingFiles } from "../release/links.ts";
import { otherFileSystems } from "../release/one-file-system.ts";
import { fromPlugin } from "./from-plugin.ts";
import { extend, type Session } from "./session.ts";

/** Asks core and every plugin whether a run can begin; leaves nothing behind. @throws ERR_PREFLIGHT with every problem at once */
export async function preflight(session: Session): Promise<void> {
  const problems: Problem[] = [];
  for (const path of await missingFiles(session.ports.fs, session.paths, session.config.shared)) {
    problems.push({
      plugin: "core",
      message: `Shared file is missing: ${path}.`,
      hint: "Create it on this machine, or mark it in the config: { path, mayBeMissing: true }.",
    });
  }
  for (const folder of await otherFileSystems(session.ports.fs, session.paths)) {
    problems.push({
      plugin: "core",
      message: `${folder} lies on another file system than ${session.paths.state}, so that nothing can be moved between them in one step.`,
      hint: `Mount or link the whole root ${session.paths.root}, not a part of it.`,
    });
  }
  for (const plugin of session.resolved.plugins) {
    const context: PreflightContext = extend(session.context(plugin.name), {
      problem: (message: string, hint: string) => {
        checkedTexts("problem", message, hint);
        problems.push({ plugin: plugin.name, message: session.redact(message), hint });
      },
      useNode: (path: string, reason: string) => {
        demand(
          typeof path === "string" && isAbsolute(path),
          `useNode must be given an absolute path, not ${shown(path)}`,
        );
        session.node = { path, reason };
      },
    });
    await fromPlugin({ plugin: plugin.name, stage: "preflight" }, () => plugin.preflight?.(context));
  }
  if (problems.length === 0) return;
  const lines = problems.map(({ plugin, message, hint }) => `  ${plugin}: ${message} ${hint}`);
  throw coreError("ERR_PREFLIGHT", {
    message: `${plural(problems.length, "problem was", "problems were")} found; no release was made.\n${lines.join("\n")}`,
    hint: "Mend this on the machine or in the config, then run `deployer check` again.",
    details: { problems },
  });
}
