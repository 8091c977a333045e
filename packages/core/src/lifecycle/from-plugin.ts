import { coreError } from "../errors/catalog.ts";
import { OddAnswer } from "../plugin/odd-answer.ts";
import { toDeployError } from "./failure.ts";

/** Which code of which plugin is called. */
export interface Called {
  readonly plugin: string;
  /** A stage, or what a plugin may have beside the stages, as "preflight". */
  readonly stage: string;
  readonly step?: string;
}

/**
 * Calls a plugin. What it throws is its own failure and bears its name; errors that say what to do pass as they are.
 * @throws ERR_PLUGIN_FAILED, ERR_PLUGIN_ANSWER, and what the plugin throws on purpose
 */
export async function fromPlugin<T>(called: Called, work: () => Promise<T> | T): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw blamed(error, called);
  }
}

function blamed(error: unknown, { plugin, stage, step = plugin }: Called): unknown {
  const place = step === plugin ? stage : `${stage} (${step})`;
  if (error instanceof OddAnswer) {
    return coreError("ERR_PLUGIN_ANSWER", {
      message: `Plugin "${plugin}" did not keep to its contract in ${place}: ${error.message}.`,
      hint: "Correct the plugin, or take it out of the config; docs/plugins.md has the contract.",
      details: { plugin, stage, step },
      cause: error,
    });
  }
  // Core's own steps keep theirs.
  if (plugin === "core" || toDeployError(error, new AbortController().signal).code !== "ERR_DEFECT") return error;
  return coreError("ERR_PLUGIN_FAILED", {
    message: `Plugin "${plugin}" failed in ${place}: ${error instanceof Error ? error.message : String(error)}`,
    hint: "Correct the plugin, or report it to whoever wrote it; `--json` shows where it was thrown.",
    details: { plugin, stage, step, stack: error instanceof Error ? error.stack : undefined },
    cause: error,
  });
}
