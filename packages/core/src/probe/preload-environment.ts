import { type HealthCheck, httpCheck } from "./health-check.ts";

/** What the preload reads. PM2 puts it into a worker's environment only after the preload has run, so it reads late. */
export function preloadEnvironment(options: {
  /** The folder of private sockets. */
  readonly sockets: string;
  /** Without one over HTTP the preload opens no private socket and says no "ready". */
  readonly health?: HealthCheck;
  /** How long a worker that is not healthy is kept from listening. Past it, it listens without saying "ready". */
  readonly readyTimeoutMs: number;
  /** 0: what happens on SIGINT is left to the app. */
  readonly drainTimeoutMs: number;
}): Record<string, string> {
  const check = httpCheck(options.health);
  return {
    DEPLOYER_SOCKETS: options.sockets,
    DEPLOYER_DRAIN_MS: String(options.drainTimeoutMs),
    DEPLOYER_READY_MS: String(options.readyTimeoutMs),
    ...(check === undefined ? {} : { DEPLOYER_HEALTH: check.path }),
    ...(check?.status === undefined ? {} : { DEPLOYER_HEALTH_STATUS: String(check.status) }),
    // Next.js closes its server at once and exits on SIGINT, which cuts off requests; this leaves it to the preload.
    ...(options.drainTimeoutMs === 0 ? {} : { NEXT_MANUAL_SIG_HANDLE: "true" }),
  };
}
