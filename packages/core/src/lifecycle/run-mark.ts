import type { StageName } from "./stages.ts";

/** Marks whatever a run starts, so that it can be found and ended after the run has died. */
export const RUN_VARIABLE = "DEPLOYER_RUN";

/** Stages that may start, or have started, what serves. */
const SERVING = ["activate", "cleanup"] as const;

/**
 * The value of the mark: the run, and in the stages that may start what serves the stage as well. What activate has left
 * running is the service as soon as the run is accepted, and no leftover any more.
 */
export function runMark(run: string, stage: StageName | undefined): string {
  return isServing(stage) ? `${run}/${stage}` : run;
}

/** What a mark says of a process of this run; `undefined` when it carries none of this run. */
export function readMark(
  mark: string | undefined,
  run: string,
): { readonly stage: (typeof SERVING)[number] | undefined } | undefined {
  if (mark === run) return { stage: undefined };
  const stage = SERVING.find((name) => mark === runMark(run, name));
  return stage === undefined ? undefined : { stage };
}

function isServing(stage: StageName | undefined): boolean {
  return SERVING.some((name) => name === stage);
}
