import { request } from "node:http";
import { type CleanupContext, isInside, plural, workerSocket } from "@deployer/core";

const TIMEOUT_MS = 30_000;

/**
 * Sends requests to each worker of the release that is served now, on its private socket: what was rendered during the
 * build shows the data of that moment, and every worker keeps pages of its own. What fails is told and changes nothing.
 */
export async function askWorkers(ctx: CleanupContext, requests: readonly string[]): Promise<void> {
  if (requests.length === 0) return;
  const pids = await workersOf(ctx);
  if (pids.length === 0) {
    return ctx.warn(`No worker of this release has a private socket: ${requests.join(", ")} was not sent.`);
  }
  for (const wanted of requests) {
    const faults = (await Promise.all(pids.map((pid) => ask(workerSocket(ctx.paths.sockets, pid), wanted)))).filter(
      (fault) => fault !== undefined,
    );
    if (faults.length === 0) ctx.info(`${wanted}: sent to ${plural(pids.length, "worker")}.`);
    else ctx.warn(`${wanted} failed at ${faults.length} of ${plural(pids.length, "worker")}: ${faults[0]}.`);
  }
}

async function workersOf({ fs, paths, processes, release }: CleanupContext): Promise<number[]> {
  const names = await fs.list(paths.sockets).catch(() => []);
  const pids = names.filter((name) => /^\d+\.sock$/.test(name)).map((name) => Number.parseInt(name, 10));
  const home = await fs.realPath(release.path);
  const directories = await Promise.all(pids.map((pid) => processes.workingDirectory(pid)));
  return pids.filter((_pid, index) => isInside(directories[index] ?? "", home));
}

/** What went wrong, or `undefined`. */
function ask(socketPath: string, wanted: string): Promise<string | undefined> {
  const [method, path] = wanted.split(" ");
  return new Promise((resolve) => {
    const headers = { host: "localhost", "user-agent": "deployer", "content-length": 0 };
    const asked = request({ socketPath, method, path, headers, agent: false, signal: AbortSignal.timeout(TIMEOUT_MS) });
    asked.on("error", (error) => resolve(error.message));
    asked.on("response", (response) => {
      response.resume();
      response.on("error", (error) => resolve(error.message));
      const status = response.statusCode ?? 0;
      response.on("end", () => resolve(status < 400 ? undefined : `it answered ${status}`));
    });
    asked.end();
  });
}
