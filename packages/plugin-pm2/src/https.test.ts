import { request } from "node:https";
import { afterEach, beforeEach, expect, it } from "vitest";
import { CERTIFICATE, KEY } from "./testing/certificate.ts";
import { shareDaemon } from "./testing/machine.ts";
import { Stage, quickSettings as settings } from "./testing/stage.ts";

let stage: Stage;

shareDaemon();

beforeEach(async () => {
  stage = await Stage.make();
});

afterEach(() => stage.close());

/** A server with a shutdown of its own, as Next.js would have. */
const app = (create: string, port: number) => ({
  listens: false,
  last: `
const secure = ${create}(
  { key: ${JSON.stringify(KEY)}, cert: ${JSON.stringify(CERTIFICATE)}, allowHTTP1: true },
  (request, response) => setTimeout(() => response.end(JSON.stringify({ revision: REVISION, manual: process.env.NEXT_MANUAL_SIG_HANDLE ?? null })), request.url === "/slow" ? 1000 : 0),
);
secure.listen(${port});
// As Next.js: it would cut off what is open, unless it is told that somebody else handles signals.
if (!process.env.NEXT_MANUAL_SIG_HANDLE) process.on("SIGINT", () => { secure.closeAllConnections(); process.exit(0); });`,
});

function get(port: number, path: string): Promise<{ revision: string; manual: string }> {
  return new Promise((resolve, reject) => {
    const asked = request(
      { host: "127.0.0.1", port, path, rejectUnauthorized: false, agent: false, timeout: 8_000 },
      (response) => {
        let body = "";
        response.on("data", (part: Buffer) => {
          body += part.toString();
        });
        response.on("error", reject);
        response.on("end", () => resolve(JSON.parse(body) as { revision: string; manual: string }));
      },
    );
    asked.on("timeout", () => asked.destroy(new Error("timeout")));
    asked.on("error", reject);
    asked.end();
  });
}

it.each([
  ["an https server", 'require("node:https").createServer'],
  ["an http2 server that allows HTTP/1", 'require("node:http2").createSecureServer'],
])(
  "%s answers its health check on the private socket, drains, and loses no request",
  {
    timeout: 60_000,
  },
  async (name, create) => {
    const { machine } = stage;
    const first = await machine.release(app(create, machine.port));
    await machine.deploy(first, undefined, settings());
    let at = true;
    const asked: Promise<unknown>[] = [];
    const failures: unknown[] = [];
    const visits = (async () => {
      for (let turn = 0; at; turn += 1) {
        asked.push(get(machine.port, turn % 10 === 0 ? "/slow" : "/").catch((error: unknown) => failures.push(error)));
        await new Promise((resolve) => setTimeout(resolve, 25));
      }
    })();
    const second = await machine.release(app(create, machine.port));
    await machine.deploy(second, first, settings());
    at = false;
    await visits;
    await Promise.all(asked);
    console.log(name, JSON.stringify({ sent: asked.length, failed: failures.length }));
    expect(failures).toEqual([]);
    expect(await get(machine.port, "/")).toEqual({ revision: second.revision.hash, manual: "true" });
  },
);
