/** How an app says that it is well, and where in the answer its revision stands. */
export interface HealthCheckOptions {
  /** Path of the request, as "/api/health". */
  readonly path: string;
  /** The one status that counts as well. @default any from 200 to 399 */
  readonly status?: number;
  /** Name of the answer's header in which the revision stands. */
  readonly header?: string;
  /** Key of the JSON answer in which the revision stands, dotted when it lies deeper: "build.revision". */
  readonly json?: string;
  /** How long one answer may take. @default 5_000 */
  readonly timeoutMs?: number;
}

/** A path, or the path with what is expected of the answer. */
export type HealthCheck = string | HealthCheckOptions;

/** What a probe found. It never throws: what went wrong stands in `error`. */
export interface ProbeAnswer {
  readonly healthy: boolean;
  /** `null` when there was no answer at all. */
  readonly status: number | null;
  /** The beginning of the body, not redacted. */
  readonly body: string;
  /** What the app says of its revision, where the health check says that it stands. */
  readonly revision: string | null;
  readonly error: string | null;
}

/** Asks once. */
export type Probe = (signal?: AbortSignal) => Promise<ProbeAnswer>;

export function healthCheck(check: HealthCheck): HealthCheckOptions {
  return typeof check === "string" ? { path: check } : check;
}

/** What is wrong with an answer, or `null`. With an expected revision, and a place where it stands, it must be that one. */
export function faultOf(
  check: HealthCheckOptions,
  status: number,
  revision: string | null,
  expected: string | undefined,
): string | null {
  if (check.status === undefined ? status < 200 || status > 399 : status !== check.status) {
    return `it answered ${status}${check.status === undefined ? "" : ` instead of ${check.status}`}`;
  }
  const place = check.header ?? check.json;
  if (expected === undefined || place === undefined) return null;
  if (revision === null) return `its answer has no revision at "${place}"`;
  return isSameRevision(revision, expected) ? null : `it reports revision ${revision} instead of ${expected}`;
}

// Apps like to show a shortened hash; seven characters are what git itself shows.
function isSameRevision(reported: string, expected: string): boolean {
  return reported === expected || (reported.length >= 7 && expected.startsWith(reported));
}
