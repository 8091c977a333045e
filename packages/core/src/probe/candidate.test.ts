import { readdir, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Context } from "../plugin/contexts.ts";
import { type TemporaryRoot, temporaryRoot } from "../testing/temporary.ts";
import { testContext } from "../testing/test-context.ts";
import { type CandidateOptions, runCandidate } from "./candidate.ts";

const REVISION = "3f2a1bc0000000000000000000000000000000ff";

let root: TemporaryRoot;
/** Has the port that the candidates ask for, as the running release does. */
let live: Server;
let port: number;
let asked: number;

beforeEach(async () => {
  root = temporaryRoot();
  asked = 0;
  live = createServer((_, response) => {
    asked += 1;
    response.end("live");
  });
  await new Promise<void>((resolve) => live.listen(0, resolve));
  port = (live.address() as AddressInfo).port;
});

afterEach(async () => {
  live.closeAllConnections();
  live.close();
  await root.remove();
});

async function candidate(
  source: string,
  options: Partial<CandidateOptions> = {},
  signal?: AbortSignal,
): Promise<Context> {
  const context = testContext(root.path, {}, signal === undefined ? {} : { signal });
  const file = join(root.path, "server.cjs");
  await writeFile(file, source);
  const release = {
    id: "r1",
    revision: { hash: REVISION, ref: "main", remote: "" },
    path: root.path,
    appPath: root.path,
    sequence: 1,
  };
  await runCandidate({
    context,
    trial: { label: "new release", release, directory: root.path, environment: { DEPLOYER_REVISION: REVISION } },
    file,
    env: { PORT: String(port) },
    health: { path: "/health", json: "revision" },
    settleMs: 300,
    startTimeoutMs: 5_000,
    ...options,
  });
  return context;
}

const listening = (rest = "") => `
const http = require("node:http");
const server = http.createServer((_, response) => response.end(JSON.stringify({ revision: process.env.DEPLOYER_REVISION })));
server.listen(Number(process.env.PORT), () => console.log("address", JSON.stringify(server.address()), "gate", process.env.DEPLOYER_GATE));
${rest}`;

async function strays(): Promise<number[]> {
  const { processes } = testContext(root.path);
  const found: number[] = [];
  for (const pid of await processes.pids()) if ((await processes.workingDirectory(pid)) === root.path) found.push(pid);
  return found;
}

describe("the candidate", () => {
  afterEach(async () => {
    expect(await strays()).toEqual([]);
    expect(await readdir(root.paths.sockets)).toEqual([]);
  });

  it("answers on a private socket, whatever port it asks for, and believes that it has that port", async () => {
    const context = await candidate(listening());
    const { outputs } = context as Context & { outputs: string[] };
    expect(outputs).toEqual([`address {"address":"127.0.0.1","family":"IPv4","port":${port}} gate 1`]);
    expect(asked).toBe(0);
  });

  it("is asked on the server that answers the health check, not on one for metrics", async () => {
    const metrics = `http.createServer((_, response) => { response.statusCode = 404; response.end(); }).listen(${1 + 9});`;
    await candidate(`const http = require("node:http");\n${metrics}\n${listening().replace(/const http.*\n/, "")}`);
  });

  it("fails with its last lines when it ends by itself", async () => {
    const ending = candidate('console.error("no database here"); process.exit(3);');
    await expect(ending).rejects.toMatchObject({
      code: "ERR_CANDIDATE_DIED",
      details: { exitCode: 3 },
      message: expect.stringContaining("no database here"),
    });
  });

  it("fails when it ends while it settles", async () => {
    const ending = candidate(listening("setTimeout(() => process.exit(4), 600);"), { settleMs: 5_000 });
    await expect(ending).rejects.toMatchObject({ code: "ERR_CANDIDATE_DIED", details: { exitCode: 4 } });
  });

  it("fails when it answers, but not well", async () => {
    const bad = `require("node:http").createServer((_, response) => { response.statusCode = 500; response.end(); }).listen(process.env.PORT);`;
    await expect(candidate(bad, { startTimeoutMs: 600 })).rejects.toMatchObject({
      code: "ERR_UNHEALTHY",
      details: { lastStatus: 500 },
    });
  });

  it("fails when it reports another revision", async () => {
    const old = `require("node:http").createServer((_, response) => response.end('{"revision":"0000000"}')).listen(process.env.PORT);`;
    await expect(candidate(old, { startTimeoutMs: 600 })).rejects.toMatchObject({
      code: "ERR_UNHEALTHY",
      message: expect.stringContaining("0000000"),
    });
  });

  it("may be asked for an open port only, which is a private one as well", async () => {
    const server = 'require("node:net").createServer((socket) => socket.end()).listen(Number(process.env.PORT));';
    await candidate(server, { health: { tcp: port } });
    await expect(
      candidate("setInterval(() => {}, 1000);", { health: { tcp: port }, startTimeoutMs: 600 }),
    ).rejects.toMatchObject({ code: "ERR_UNHEALTHY", message: expect.stringContaining("it listens on no port") });
  });

  it("may be looked at by a command, which knows its process and its revision", async () => {
    const worker = 'require("node:fs").writeFileSync("well", ""); setInterval(() => {}, 1000);';
    const check = `test -f well && test -d /proc/$DEPLOYER_PID && test "$DEPLOYER_REVISION" = ${REVISION}`;
    await candidate(worker, { health: { command: ["sh", "-c", check] } });
    await expect(
      candidate("setInterval(() => {}, 1000);", {
        health: { command: ["sh", "-c", "echo no queue; exit 2"] },
        startTimeoutMs: 600,
      }),
    ).rejects.toMatchObject({ code: "ERR_UNHEALTHY", message: expect.stringContaining("exit code 2: no queue") });
  });

  it("is ended at once, with what it started, when the run is interrupted", async () => {
    const interrupted = new AbortController();
    const child = `require("node:child_process").spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"]);`;
    const running = candidate(listening(child), { settleMs: 60_000 }, interrupted.signal);
    const stopped = expect(running).rejects.toThrow("stop");
    await expect.poll(async () => (await strays()).length).toBe(2);
    interrupted.abort(new Error("stop"));
    await stopped;
  });
});

it("refuses a root whose path leaves no room for a socket, and says how long it may be", async () => {
  const context = testContext(`/srv/${"x".repeat(80)}`);
  const trial = { label: "", release: {} as never, directory: "/", environment: {} };
  await expect(runCandidate({ context, trial, file: "", env: {}, health: "/" })).rejects.toMatchObject({
    code: "ERR_PREFLIGHT",
    exitCode: 2,
    details: { allowed: 73 },
  });
});
