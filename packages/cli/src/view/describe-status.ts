import {
  describeRequests,
  type HistoryEntry,
  type Outage,
  plural,
  type ReleaseListing,
  type Status,
  seconds,
} from "@deployer/core";
import { inOneLine } from "./in-one-line.ts";
import { localTime } from "./local-time.ts";

export function describeStatus(status: Status): string {
  const { app, environment, root, current, running, interrupted, lastRun, lastCheck } = status;
  return [
    `${app}${environment === null ? "" : ` (${environment})`} in ${root}`,
    current === null
      ? "current    nothing is deployed"
      : `current    ${current.id}  ${current.revision.ref}${current.activatedAt === null ? "" : `  since ${localTime(current.activatedAt)}`}`,
    ...(running === null
      ? []
      : [
          `at work    ${running.reason} (run ${running.id})${stageOf(running)}, by ${running.holder.user} (pid ${running.holder.process.pid})`,
        ]),
    ...(interrupted === null
      ? []
      : [
          `died       ${interrupted.reason} (run ${interrupted.id})${stageOf(interrupted)}; the next command settles it`,
        ]),
    ...status.downtimes.map(({ problem, hint }) => `down       ${problem} ${hint}`),
    ...(lastRun?.result
      ? [`last run   ${lastRun.reason}: ${lastRun.result.outcome}, ${localTime(lastRun.startedAt)} (run ${lastRun.id})`]
      : []),
    ...(lastCheck === null
      ? []
      : [
          `last check ${localTime(lastCheck.at)}: ${lastCheck.outcome}${lastCheck.code === null ? "" : ` (${lastCheck.code})`}`,
        ]),
    ...status.outages.map(
      ({ code, message, checks, beganAt }) =>
        `failing    since ${localTime(beganAt)}, ${plural(checks, "check")}: ${code}: ${inOneLine(message)}`,
    ),
    ...Object.entries(status.plugins).flatMap(([name, { lines }]) => lines.map((line) => `${name.padEnd(10)} ${line}`)),
    ...status.decisions
      .filter(({ verdict }) => verdict === "held" || verdict === "again" || verdict === "rolled-back")
      .map(
        ({ hash, verdict, reason }) =>
          `${verdict === "again" ? "waiting" : "held   "}    ${hash.slice(0, 7)}: ${verdict === "rolled-back" ? "rolled back by a person" : (reason ?? "it failed")}`,
      ),
  ].join("\n");
}

export function describeReleases(releases: readonly ReleaseListing[]): string {
  if (releases.length === 0) return "There are no releases yet.";
  return releases
    .map(({ id, current, revision, status, activatedAt }) => {
      const when = activatedAt === null ? "" : `  ${localTime(activatedAt)}`;
      return `${current ? "*" : " "} ${id}  ${revision.ref}  ${status}${when}`;
    })
    .join("\n");
}

/** Runs, and between them the checks that came to no run, once for each thing they failed for; the newest first. */
export function describeHistory(runs: readonly HistoryEntry[], outages: readonly Outage[], limit: number): string {
  const entries = [
    ...runs.map((run) => ({ at: run.startedAt, text: describeRun(run) })),
    ...outages.map((outage) => ({ at: outage.beganAt, text: describeOutage(outage) })),
  ];
  if (entries.length === 0) return "There were no runs yet.";
  return entries
    .sort((a, b) => b.at - a.at)
    .slice(0, limit)
    .map(({ text }) => text)
    .join("\n");
}

function describeOutage({ code, message, checks, beganAt, lastAt, endedAt }: Outage): string {
  const until = endedAt === null ? "until now" : `until ${localTime(lastAt)}`;
  const count = checks === 1 ? "a check failed" : `${checks} checks failed, ${until}`;
  return `${localTime(beganAt)}  ${count}: ${code}: ${inOneLine(message)}`;
}

function describeRun({ startedAt, id, kind, reason, result, release, stage }: HistoryEntry): string {
  const outcome = result === null ? `no end${stageOf({ kind, stage })}` : result.outcome;
  const code = result?.error ? `  ${result.error.code}` : "";
  const stages = (result?.stages ?? []).map(({ name, milliseconds }) => `${name} ${seconds(milliseconds)}`).join(", ");
  // Runs of older versions have no such figures.
  const requests = result?.requests ? `\n    requests: ${describeRequests(result.requests)}` : "";
  return `${localTime(startedAt)}  ${id}  ${reason}: ${outcome}${code}${release === null ? "" : `  ${release}`}${stages === "" ? "" : `\n    ${stages}`}${requests}`;
}

/** A command of a plugin has no stages. */
function stageOf({ kind, stage }: Pick<HistoryEntry, "kind" | "stage">): string {
  return kind === "command" ? "" : ` in stage ${stage ?? "detect"}`;
}
