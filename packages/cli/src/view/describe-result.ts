import { describeRequests, EXIT, plural, type RunResult, seconds } from "@deployer/core";
import { textOf } from "../answer.ts";
import { inOneLine } from "./in-one-line.ts";
import { duration, localTime } from "./local-time.ts";

/** A result as a person reads it: what is served now, what went wrong, what to do next. */
export function describeResult(result: RunResult): string {
  return [
    ...describeOver(result),
    ...settled(result),
    headline(result),
    ...decided(result),
    ...lasting(result),
    ...migrations(result),
    ...requests(result),
    ...trouble(result),
    ...where(result),
  ].join("\n");
}

/** Of each outage that is over, how long it was. */
export function describeOver({ over }: RunResult): string[] {
  return over.map(({ code, message, beganAt, endedAt, checks }) => {
    const lasted = (endedAt ?? beganAt) - beganAt;
    // A clock that was set back leaves no duration.
    const after = lasted < 0 ? "" : `${duration(lasted)}, `;
    return `${code} is over after ${after}${plural(checks, "check")}: ${inOneLine(message)}`;
  });
}

/** What the next checks do about the revision. */
function decided({ decision, outcome }: RunResult): string[] {
  if (decision === null || outcome === "interrupted") return [];
  const { revision, verdict, reason, retryAt } = decision;
  const name = revision?.slice(0, 7) ?? "";
  const why = outcome === "failed" || reason === null ? "" : `: ${reason}`;
  if (verdict !== "again")
    return [`${name} is held${why}${why.endsWith(".") ? "" : "."} Push a new commit, or run \`deployer deploy\`.`];
  if (retryAt === null) return ["The next check tries again."];
  return [`${name} is tried again at ${localTime(retryAt)}${why}. To try it now, run \`deployer deploy\`.`];
}

function lasting({ outage }: RunResult): string[] {
  if (outage === null || outage.checks < 2) return [];
  return [`Failing since ${localTime(outage.beganAt)}: ${plural(outage.checks, "check")}.`];
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
    case "done":
      return textOf(result.answer) ?? JSON.stringify(result.answer, null, 2);
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
  // Nothing is claimed of what could not be seen, nor of what may be half done.
  if (result.served === undefined || result.exitCode === EXIT.notUndone) return [];
  return [
    result.served === null
      ? "Nothing was deployed before, and nothing is now."
      : `${result.served} is served as before.`,
  ];
}

function where({ log }: RunResult): string[] {
  return log === null ? [] : [`Log: ${log}`];
}
