import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { describe, expect, it } from "vitest";
import { tcpProbe } from "./tcp-probe.ts";

describe("tcp probe", () => {
  it("is healthy while somebody accepts on the port, and says why not afterwards", async () => {
    const server = createServer((socket) => socket.destroy()).listen(0, "127.0.0.1");
    await once(server, "listening");
    const probe = tcpProbe({ port: (server.address() as AddressInfo).port });
    expect(await probe()).toMatchObject({ healthy: true, status: null, error: null });
    server.close();
    await once(server, "close");
    expect(await probe()).toMatchObject({ healthy: false, error: expect.stringContaining("ECONNREFUSED") });
  });

  it("is ended by its signal", async () => {
    expect(await tcpProbe({ port: 1 })(AbortSignal.abort())).toMatchObject({ healthy: false });
  });
});
