import { describeRequests, type HistoryEntry, type ReleaseListing, type Status, seconds } from "@deployer/core";
import { localTime } from "./local-time.ts";

export function describeStatus(status: Status): string {
  const { app, environment, root, current, running, interrupted, lastRun } = status;
  return [
    `${app}${environment === null ? "" : ` (${environment})`} in ${root}`,
    current === null
      ? "current    nothing is deployed"
      : `current    ${current.id}  ${current.revision.ref}${current.activatedAt === null ? "" : `  since ${localTime(current.activatedAt)}`}`,
    ...(running === null
      ? []
      : [
          `at work    ${running.reason} (run ${running.id}), stage ${running.stage ?? "detect"}, by ${running.holder.user} (pid ${running.holder.process.pid})`,
        ]),
    ...(interrupted === null
      ? []
      : [
          `died       ${interrupted.reason} (run ${interrupted.id}) in stage ${interrupted.stage ?? "detect"}; the next command settles it`,
        ]),
    ...status.downtimes.map(({ problem, hint }) => `down       ${problem} ${hint}`),
    ...(lastRun?.result
      ? [`last run   ${lastRun.reason}: ${lastRun.result.outcome}, ${localTime(lastRun.startedAt)} (run ${lastRun.id})`]
      : []),
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

export function describeHistory(runs: readonly HistoryEntry[]): string {
  if (runs.length === 0) return "There were no runs yet.";
  return runs
    .map(({ startedAt, id, reason, result, release, stage }) => {
      const outcome = result === null ? `no end (stage ${stage ?? "detect"})` : result.outcome;
      const code = result?.error ? `  ${result.error.code}` : "";
      const stages = (result?.stages ?? [])
        .map(({ name, milliseconds }) => `${name} ${seconds(milliseconds)}`)
        .join(", ");
      // Runs of older versions have no such figures.
      const requests = result?.requests ? `\n    requests: ${describeRequests(result.requests)}` : "";
      return `${localTime(startedAt)}  ${id}  ${reason}: ${outcome}${code}${release === null ? "" : `  ${release}`}${stages === "" ? "" : `\n    ${stages}`}${requests}`;
    })
    .join("\n");
}
