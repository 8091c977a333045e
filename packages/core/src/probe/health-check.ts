/** How an app says over HTTP that it is well, and where in the answer its revision stands. */
export interface HealthCheckOptions {
  /** Path of the request, as "/api/health". */
  readonly path: string;
  /** The status that counts as well, or a range of them: "200-499". @default "200-399" */
  readonly status?: number | `${number}-${number}`;
  /** What the answer's first 64 KiB must hold: a text, or a regular expression between slashes, as "/^ok: \\d+$/m". */
  readonly body?: string;
  /** Name of the answer's header in which the revision stands. */
  readonly header?: string;
  /** Key of the JSON answer in which the revision stands, dotted when it lies deeper: "build.revision". */
  readonly json?: string;
  /** How long one answer may take. @default 5_000 */
  readonly timeoutMs?: number;
}

/**
 * The app accepts connections on a port. Proves that some process listens there, not which: on trial one of the
 * candidate's own sockets is asked, but live workers share their port, so any of them may be the one that answers.
 */
export interface TcpCheck {
  readonly tcp: number;
  /** How long a connection may take. @default 5_000 */
  readonly timeoutMs?: number;
}

/**
 * A program that exits with 0 when the app is well. It runs in the app's directory with the app's environment,
 * DEPLOYER_REVISION and DEPLOYER_PID, the process that is looked at. What it proves is what it looks at.
 */
export interface CommandCheck {
  readonly command: readonly [string, ...string[]];
  /** Past it the program is ended and the app not well. @default 5_000 */
  readonly timeoutMs?: number;
}

/** A check that needs no http server of the app, and so no private socket. */
export type OutsideCheck = TcpCheck | CommandCheck;

/** A path, the path with what is expected of the answer, a port that accepts, or a command that succeeds. */
export type HealthCheck = string | HealthCheckOptions | OutsideCheck;

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

function healthCheck(check: HealthCheck): HealthCheckOptions | OutsideCheck {
  return typeof check === "string" ? { path: check } : check;
}

/** The check over HTTP, or `undefined` when it is another kind. */
export function httpCheck(check: HealthCheck | undefined): HealthCheckOptions | undefined {
  const options = check === undefined ? undefined : healthCheck(check);
  return options !== undefined && "path" in options ? options : undefined;
}

/** The check of a port or by a command, or `undefined` when it is one over HTTP. */
export function outsideCheck(check: HealthCheck | undefined): OutsideCheck | undefined {
  return check === undefined || typeof check === "string" || "path" in check ? undefined : check;
}

/** What is wrong with an answer, or `null`. With an expected revision, and a place where it stands, it must be that one. */
export function faultOf(
  check: HealthCheckOptions,
  status: number,
  revision: string | null,
  expected: string | undefined,
  body = "",
): string | null {
  const [lowest, highest] = statusRange(check.status);
  if (status < lowest || status > highest) {
    return `it answered ${status}${check.status === undefined ? "" : ` instead of ${check.status}`}`;
  }
  if (check.body !== undefined && !holds(body, check.body)) {
    return `its answer does not hold ${patternOf(check.body) ?? JSON.stringify(check.body)}`;
  }
  const place = check.header ?? check.json;
  if (expected === undefined || place === undefined) return null;
  if (revision === null) return `its answer has no revision at "${place}"`;
  return isSameRevision(revision, expected) ? null : `it reports revision ${revision} instead of ${expected}`;
}

/** The regular expression that `body` of a health check stands for, or `undefined` when it is a text. @throws SyntaxError */
export function patternOf(body: string): RegExp | undefined {
  const [, source, flags] = /^\/(.+)\/([a-z]*)$/s.exec(body) ?? [];
  return source === undefined ? undefined : new RegExp(source, flags);
}

function statusRange(status: HealthCheckOptions["status"] = "200-399"): [number, number] {
  const [lowest, highest = lowest] = String(status).split("-").map(Number) as [number, number?];
  return [lowest, highest];
}

function holds(body: string, wanted: string): boolean {
  return patternOf(wanted)?.test(body) ?? body.includes(wanted);
}

// Apps like to show a shortened hash; seven characters are what git itself shows.
function isSameRevision(reported: string, expected: string): boolean {
  return reported === expected || (reported.length >= 7 && expected.startsWith(reported));
}
