import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { httpProbe } from "./http-probe.ts";

let server: Server | undefined;

async function answering(listener: RequestListener): Promise<number> {
  server = createServer(listener);
  await new Promise<void>((resolve) => server?.listen(0, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
}

afterEach(() => {
  server?.closeAllConnections();
  server?.close();
  server = undefined;
});

describe("http probe", () => {
  it("reads the revision from a dotted key of a JSON answer, or from a header", async () => {
    const port = await answering((_, response) => {
      response.setHeader("X-Revision", "abc1234");
      response.end(JSON.stringify({ build: { revision: "def5678" } }));
    });
    expect(await httpProbe({ path: "/", port, json: "build.revision", revision: "def5678" })()).toMatchObject({
      healthy: true,
      status: 200,
      revision: "def5678",
    });
    expect(await httpProbe({ path: "/", port, header: "x-revision", revision: "abc1234" })()).toMatchObject({
      healthy: true,
      revision: "abc1234",
    });
    expect(await httpProbe({ path: "/", port, json: "build.none", revision: "abc1234" })()).toMatchObject({
      healthy: false,
      revision: null,
    });
  });

  it("never throws: a refused connection, a cut answer and no answer in time are answers", async () => {
    const port = await answering((request, response) => {
      if (request.url === "/cut") response.socket?.destroy();
    });
    expect(await httpProbe({ path: "/cut", port })()).toMatchObject({ healthy: false, status: null });
    expect(await httpProbe({ path: "/slow", port, timeoutMs: 30 })()).toMatchObject({
      healthy: false,
      error: "no answer within 30 ms",
    });
    expect(await httpProbe({ path: "/", socketPath: "/nowhere/at/all.sock" })()).toMatchObject({
      healthy: false,
      status: null,
    });
  });

  it("keeps an excerpt of a long body", async () => {
    const port = await answering((_, response) => response.end("x".repeat(200_000)));
    const { body, healthy } = await httpProbe({ path: "/", port })();
    expect(healthy).toBe(true);
    expect(body).toHaveLength(500);
  });
});
