import { type IncomingHttpHeaders, request } from "node:http";
import { faultOf, type HealthCheckOptions, type Probe, type ProbeAnswer } from "./health-check.ts";

/** Whom to ask: a unix socket, or a port of this machine. */
export type ProbeTarget = { readonly socketPath: string } | { readonly host?: string; readonly port: number };

const TIMEOUT_MS = 5_000;
const BODY_LIMIT = 65_536;
const EXCERPT = 500;

/** A probe over HTTP. With `revision`, an answer that names another one is not healthy. It never throws. */
export function httpProbe(options: HealthCheckOptions & ProbeTarget & { readonly revision?: string }): Probe {
  return (signal) =>
    new Promise<ProbeAnswer>((resolve) => {
      const timeoutMs = options.timeoutMs ?? TIMEOUT_MS;
      const done = (answer: ProbeAnswer): void => {
        clearTimeout(limit);
        resolve(answer);
      };
      const target =
        "socketPath" in options
          ? { socketPath: options.socketPath }
          : { host: options.host ?? "127.0.0.1", port: options.port };
      const asked = request({
        ...target,
        path: options.path,
        headers: { host: "localhost", "user-agent": "deployer" },
        agent: false,
        ...(signal === undefined ? {} : { signal }),
      });
      const limit = setTimeout(() => asked.destroy(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
      asked.on("error", (error) => done(silence(error.message || String(error))));
      asked.on("response", (response) => {
        let body = "";
        response.setEncoding("utf8");
        response.on("data", (text: string) => {
          if (body.length < BODY_LIMIT) body += text;
        });
        response.on("error", (error) => done(silence(error.message)));
        response.on("end", () => done(read(options, response.statusCode ?? 0, response.headers, body)));
      });
      asked.end();
    });
}

function silence(error: string): ProbeAnswer {
  return { healthy: false, status: null, body: "", revision: null, error };
}

function read(
  options: HealthCheckOptions & { readonly revision?: string },
  status: number,
  headers: IncomingHttpHeaders,
  body: string,
): ProbeAnswer {
  const revision = revisionOf(options, headers, body);
  const error = faultOf(options, status, revision, options.revision, body);
  return { healthy: error === null, status, body: body.slice(0, EXCERPT), revision, error };
}

function revisionOf(check: HealthCheckOptions, headers: IncomingHttpHeaders, body: string): string | null {
  if (check.header !== undefined) return text(headers[check.header.toLowerCase()]);
  if (check.json === undefined) return null;
  try {
    let value: unknown = JSON.parse(body);
    for (const key of check.json.split(".")) value = (value as Record<string, unknown> | null)?.[key];
    return text(value);
  } catch {
    return null;
  }
}

function text(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}
