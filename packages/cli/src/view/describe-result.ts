import { describeRequests, EXIT, type RunResult, seconds } from "@deployer/core";

/** A result as a person reads it: what is served now, what went wrong, what to do next. */
export function describeResult(result: RunResult): string {
  return [
    ...settled(result),
    headline(result),
    ...migrations(result),
    ...requests(result),
    ...trouble(result),
    ...where(result),
  ].join("\n");
}

function headline(result: RunResult): string {
  const name = result.release === null ? "" : `${result.release.id} (${result.release.revision.slice(0, 7)})`;
  const total = seconds(result.stages.reduce((sum, stage) => sum + stage.milliseconds, 0));
  switch (result.outcome) {
    case "deployed":
      return `Deployed ${name} in ${total}.`;
    case "rolled-back":
      return `Rolled back to ${name} in ${total}.`;
    case "reloaded":
      return `Reloaded ${name} in ${total}.`;
    case "up-to-date":
      return result.release === null ? "Up to date." : `Up to date: ${name} is current.`;
    case "held":
      return `Held: nothing is done. ${result.release === null ? "Nothing is deployed." : `${name} is current.`}`;
    case "backing-off":
      return `Waiting to try again: nothing is done. ${result.release === null ? "Nothing is deployed." : `${name} is current.`}`;
    case "locked":
    case "unreachable":
    case "failed":
    case "interrupted":
      return `${result.error?.code ?? "ERR_DEFECT"}: ${result.error?.message ?? ""}\n${result.error?.hint ?? ""}`;
  }
}

function settled({ recovered }: RunResult): string[] {
  return recovered === null ? [] : [`An earlier run (${recovered.run}) had died; it is ${recovered.outcome}.`];
}

function migrations({ migrated, error }: RunResult): string[] {
  const lines = Object.entries(migrated).map(([database, names]) => `Migrated ${database}: ${names.join(", ")}.`);
  return lines.length > 0 && error !== null ? [...lines, "These migrations are committed and stay."] : lines;
}

function requests({ requests: figures }: RunResult): string[] {
  return figures === null ? [] : [`Requests meanwhile: ${describeRequests(figures)}.`];
}

function trouble(result: RunResult): string[] {
  if (result.outcome !== "failed" && result.outcome !== "interrupted") return [];
  if (result.undoFailures.length > 0) {
    return [
      "It could not be fully undone; a person must look:",
      ...result.undoFailures.map(({ label, message }) => `  ${label}: ${message}`),
    ];
  }
  if (result.app === null || result.exitCode === EXIT.notUndone) return [];
  return [
    result.previous === null
      ? "Nothing was deployed before, and nothing is now."
      : `${result.previous.id} is served as before.`,
  ];
}

function where({ log }: RunResult): string[] {
  return log === null ? [] : [`Log: ${log}`];
}
