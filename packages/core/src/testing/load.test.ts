import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { startLoad } from "./load.ts";

let server: Server | undefined;

async function serving(listener: RequestListener): Promise<string> {
  server = createServer(listener);
  await new Promise<void>((resolve) => server?.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

describe("the load generator", () => {
  it("only asks servers of this machine", () => {
    for (const url of [
      "http://example.org/",
      "http://10.0.0.1/",
      "https://127.0.0.1/",
      "http://127.0.0.1.example.org/",
    ]) {
      expect(() => startLoad({ url, ratePerSecond: 1 })).toThrow("of this machine");
    }
  });

  it("keeps its rate while nothing is answered, and counts what came too late", async () => {
    const url = await serving(() => {});
    const load = startLoad({ url, ratePerSecond: 100, timeoutMs: 200 });
    await expect.poll(() => load.now().sent).toBeGreaterThanOrEqual(50);
    const { sent, failed, failures } = await load.stop();
    expect(failed).toBe(sent);
    expect(failures.timeout).toBeGreaterThan(0);
  });

  it("counts failures by kind, revisions, and half of the requests on kept connections", async () => {
    let kept = 0;
    let asked = 0;
    const url = await serving((request, response) => {
      asked += 1;
      if (request.headers.connection === "keep-alive") kept += 1;
      response.statusCode = asked % 10 === 0 ? 503 : 200;
      response.end("r1");
    });
    const load = startLoad({ url, ratePerSecond: 200, revisionOf: (body) => body });
    await expect.poll(() => load.now().sent).toBeGreaterThanOrEqual(100);
    const { sent, failed, failures, byRevision } = await load.stop();
    expect(asked).toBe(sent);
    expect(failures).toEqual({ 503: failed });
    expect(failed).toBe(Math.floor(sent / 10));
    expect(byRevision).toEqual({ r1: sent });
    expect(Math.abs(kept - sent / 2)).toBeLessThanOrEqual(1);
  });
});
