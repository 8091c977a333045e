// Loaded into the app by `node -r`, before anything of its own. Plain CommonJS without dependencies: it outlives the
// deployer that put it there, and PM2's daemon may run an older Node. It does four things:
//
// - drain: on SIGINT (what PM2 sends) it stops accepting, finishes what is open, and only then lets the app end;
// - a private unix socket for each worker, which leads to the app's own http server, since all workers share one port;
// - until this very worker has answered its health check there it takes no visitor: only then does it listen on the
//   port, and say "ready" to PM2;
// - on trial (DEPLOYER_GATE_SOCKET) it moves every fixed port and path that is listened on to a private socket.
(() => {
  type Server = import("node:http").Server;
  type NetServer = import("node:net").Server;
  type Socket = import("node:net").Socket;
  type Session = import("node:http2").Http2Session;
  type Response = import("node:http").ServerResponse;
  const cluster = require("node:cluster") as typeof import("node:cluster").default;
  const fs = require("node:fs") as typeof import("node:fs");
  const http = require("node:http") as typeof import("node:http");
  const net = require("node:net") as typeof import("node:net");
  const { join } = require("node:path") as typeof import("node:path");
  const { isMainThread } = require("node:worker_threads") as typeof import("node:worker_threads");

  const IDLE_MS = 1_000;
  const LEAVE_MS = 5_000;
  const TAKEN_MS = 20;

  if (!isMainThread) return;
  // Children that the app forks inherit `-r` and the environment: only the process PM2 or the gate started is the owner.
  process.env.DEPLOYER_OWNER ??= String(process.pid);
  const isOwner = process.env.DEPLOYER_OWNER === String(process.pid);
  const gateSocket = process.env.DEPLOYER_GATE_SOCKET;
  if (!isOwner && gateSocket === undefined) return;

  const servers = new Set<Server>();
  const http2Servers = new Set<NetServer>();
  const sessions = new Set<Session>();
  const files = new Set<string>();
  /** What has to listen once the worker is healthy; `undefined` when that is so. */
  let held: (() => Promise<void>)[] | undefined = [];
  let target: Server | undefined;
  let doorOpened = false;
  let draining = false;
  let moved = 0;
  let toldTaken = false;

  process.on("exit", () => {
    for (const file of files) fs.rmSync(file, { force: true });
  });

  const listen = net.Server.prototype.listen as (this: NetServer, ...args: unknown[]) => NetServer;
  net.Server.prototype.listen = function (this: NetServer, ...args: unknown[]) {
    if (isOwner) adopt(this);
    const address = fixedAddress(args);
    if (address === undefined) return listen.apply(this, args);
    if (gateSocket !== undefined) return listenAside(this, address, args.at(-1));
    const holds = held !== undefined && isWeb(this) && process.env.DEPLOYER_HEALTH !== undefined;
    return holds ? listenLater(this, address, args) : listen.apply(this, args);
  } as typeof net.Server.prototype.listen;

  // http and https, without loading https for those who do not use it.
  function isWeb(server: NetServer): server is Server {
    return typeof (server as Partial<Server>).closeIdleConnections === "function";
  }

  // What is asked over HTTP/2 comes in sessions, which are told to take no new requests and end when the last is answered.
  function isHttp2(server: NetServer): boolean {
    return typeof (server as { updateSettings?: unknown }).updateSettings === "function";
  }

  function adopt(server: NetServer): void {
    if (isWeb(server) && !servers.has(server)) adoptWeb(server);
    if (isHttp2(server) && !http2Servers.has(server)) adoptHttp2(server);
  }

  function adoptHttp2(server: NetServer): void {
    http2Servers.add(server);
    server.on("session", (session: Session) => {
      sessions.add(session);
      session.once("close", () => sessions.delete(session));
      if (draining) session.close();
    });
    server.once("close", () => http2Servers.delete(server));
  }

  function adoptWeb(server: Server): void {
    servers.add(server);
    server.prependListener("request", (_request: unknown, response: Response) => {
      if (draining) {
        response.shouldKeepAlive = false;
        return;
      }
      const writeHead = response.writeHead as (...args: unknown[]) => Response;
      response.writeHead = function (this: Response, ...args: unknown[]) {
        if (draining) this.shouldKeepAlive = false;
        return writeHead.apply(this, args);
      } as typeof response.writeHead;
    });
    server.once("listening", openDoor);
    server.once("close", () => servers.delete(server));
  }

  // ── Trial: ports stay untouched ──────────────────────────────────────────────────────────────────────────────────

  // Port 0 takes a port that nobody has: those who ask for it want to reach it by number, so it is left to them.
  function fixedAddress(args: unknown[]): { port?: number; path?: string } | undefined {
    const first = args[0];
    if (typeof first === "object" && first !== null) {
      const options = first as { port?: unknown; path?: unknown };
      if (options.port !== undefined && options.port !== null)
        return Number(options.port) ? { port: Number(options.port) } : undefined;
      return typeof options.path === "string" ? { path: options.path } : undefined;
    }
    if (typeof first === "string" && !/^\d+$/.test(first)) return { path: first };
    return Number(first) ? { port: Number(first) } : undefined;
  }

  function listenAside(server: NetServer, address: { port?: number; path?: string }, callback: unknown): NetServer {
    if (typeof callback === "function") server.once("listening", callback as () => void);
    server.address = () => pretend(address);
    moved += 1;
    return listen.call(server, { path: claim(`${process.pid}.${moved}`), exclusive: true });
  }

  // Next.js and others read the port that they asked for.
  function pretend({ port, path }: { port?: number; path?: string }): string | import("node:net").AddressInfo {
    return path ?? { address: "127.0.0.1", family: "IPv4", port: port as number };
  }

  function claim(name: string): string {
    const folder = process.env.DEPLOYER_SOCKETS ?? "";
    fs.mkdirSync(folder, { recursive: true, mode: 0o700 });
    const file = join(folder, name);
    fs.rmSync(file, { force: true });
    files.add(file);
    return file;
  }

  // ── No visitor before it is healthy ──────────────────────────────────────────────────────────────────────────────

  // In cluster mode a worker that listens gets its share of the visitors at once, healthy or not. The app is told that
  // it listens, gets its requests through the private socket, and really listens when it has answered well there.
  function listenLater(server: NetServer, address: { port?: number; path?: string }, args: unknown[]): NetServer {
    const callback = args.at(-1);
    const rest = typeof callback === "function" ? args.slice(0, -1) : args;
    if (typeof callback === "function") server.once("listening", callback as () => void);
    Object.defineProperty(server, "listening", { configurable: true, value: true });
    server.address = () => pretend(address);
    held?.push(
      () =>
        new Promise((resolve) => {
          delete (server as { listening?: boolean }).listening;
          delete (server as { address?: unknown }).address;
          const own = Object.getOwnPropertyDescriptor(server, "emit");
          const lastTry = Date.now() + readyMs();
          const emit = server.emit as (...words: unknown[]) => boolean;
          server.emit = function (this: NetServer, ...words: unknown[]) {
            if (words[0] !== "listening" && words[0] !== "error") return emit.apply(this, words);
            if (words[0] === "error" && isTaken(words[1]) && Date.now() < lastTry) {
              setTimeout(() => listen.apply(server, rest), TAKEN_MS);
              return true;
            }
            // It has heard of that already.
            if (own === undefined) delete (server as { emit?: unknown }).emit;
            else Object.defineProperty(server, "emit", own);
            resolve();
            return words[0] === "listening" || emit.apply(this, words);
          } as typeof server.emit;
          listen.apply(server, rest);
        }),
    );
    process.nextTick(() => server.emit("listening"));
    return server;
  }

  // Another process has the port, which may be about to end: the app's own old one, in fork mode. Told once.
  function isTaken(error: unknown): boolean {
    if ((error as NodeJS.ErrnoException).code !== "EADDRINUSE") return false;
    if (!toldTaken) console.error(`deployer: ${(error as Error).message}; this worker waits for the port`);
    toldTaken = true;
    return true;
  }

  function readyMs(): number {
    return Number(process.env.DEPLOYER_READY_MS ?? 60_000);
  }

  async function letIn(): Promise<void> {
    const waiting = held ?? [];
    held = undefined;
    await Promise.all(waiting.map((listenNow) => listenNow()));
  }

  // ── The private socket, and "ready" ──────────────────────────────────────────────────────────────────────────────

  function openDoor(): void {
    const health = process.env.DEPLOYER_HEALTH;
    if (doorOpened || health === undefined) return;
    doorOpened = true;
    let path: string;
    try {
      path = gateSocket ?? claim(`${process.pid}.sock`);
    } catch (error) {
      openWithoutDoor(error);
      return;
    }
    const door = net.createServer({ allowHalfOpen: true }, lead);
    door.once("error", openWithoutDoor);
    listen.call(door, { path, exclusive: true }, () => checkSelf(path, health, Date.now()));
    files.add(path);
    // While nothing else listens, it is what keeps the process alive.
    if (gateSocket !== undefined) door.unref();
  }

  // After a reboot without the deployer's folder the app must still come up; a deployment will not accept it.
  function openWithoutDoor(error: unknown): void {
    console.error("deployer: no private socket for the health check:", error);
    void letIn().then(sayReady);
  }

  function lead(socket: Socket): void {
    const server = target ?? servers.values().next().value;
    if (server === undefined) {
      socket.destroy();
      return;
    }
    socket.on("error", () => socket.destroy());
    // A TLS server would wait for a handshake; behind its handshake stands the same HTTP.
    // One for HTTP/2 that allows HTTP/1 as well goes by what the handshake agreed on.
    Object.assign(socket, { alpnProtocol: "http/1.1" });
    server.emit("setSecureContext" in server ? "secureConnection" : "connection", socket);
  }

  // An app may have several servers (one for metrics, say): the one that answers the health check is the app.
  function checkSelf(path: string, health: string, began: number, turn = 0): void {
    const all = [...servers];
    target = all[turn % all.length];
    const again = (): void => {
      if (draining) return;
      if (Date.now() - began < readyMs()) {
        setTimeout(checkSelf, 100, path, health, began, turn + 1).unref();
      } else {
        // Half well is better than not at all, after a reboot say. In a deployment it is long past the deadline.
        console.error(`deployer: ${health} was not healthy in time; this worker listens all the same`);
        void letIn();
      }
    };
    const asked = http.get(
      {
        socketPath: path,
        path: health,
        headers: { host: "localhost", "user-agent": "deployer" },
        agent: false,
        timeout: 5_000,
      },
      (response) => {
        response.resume();
        response.on("error", () => {});
        response.on("close", () => (isWell(response.statusCode ?? 0) ? void letIn().then(sayReady) : again()));
      },
    );
    asked.on("timeout", () => asked.destroy(new Error("timeout")));
    asked.on("error", again);
  }

  function isWell(status: number): boolean {
    const [lowest, highest = lowest] = (process.env.DEPLOYER_HEALTH_STATUS ?? "200-399").split("-").map(Number);
    return status >= (lowest as number) && status <= (highest as number);
  }

  function sayReady(): void {
    if (gateSocket === undefined) process.send?.("ready");
  }

  // PM2 writes an uncaught error to the log as the process exits, too late for it to arrive.
  if (isOwner && gateSocket === undefined) {
    process.on("uncaughtExceptionMonitor", (error: unknown) => {
      const log = process.env.pm_err_log_path;
      if (log === undefined || process.listenerCount("uncaughtException") > 1) return;
      try {
        fs.appendFileSync(log, `${error instanceof Error ? error.stack : String(error)}\n`);
      } catch {
        // The log is gone; the error goes its own way.
      }
    });
  }

  // ── Drain ────────────────────────────────────────────────────────────────────────────────────────────────────────

  if (!isOwner || gateSocket !== undefined) return;
  // Signals arrive through `process.emit`, which Node binds when the first listener is added: the order matters.
  // The app's own listeners hear of the signal when everything is served.
  const emit = process.emit as (...args: unknown[]) => boolean;
  process.emit = function (this: NodeJS.Process, ...args: unknown[]) {
    if (args[0] !== "SIGINT") return emit.apply(this, args);
    if (!draining) {
      if (process.env.DEPLOYER_DRAIN_MS === "0") leaveItToTheApp(args);
      else drain();
    }
    return true;
  } as typeof process.emit;
  const own = process.listeners("SIGINT");
  process.removeAllListeners("SIGINT");
  for (const listener of [() => {}, ...own]) process.on("SIGINT", listener);
  // For a worker that runs already, and is taught to drain.
  Object.assign(process, {
    [Symbol.for("deployer.adopt")]: (running: NetServer[]) => running.forEach(adopt),
  });

  function drain(): void {
    draining = true;
    const all = new Set<NetServer>([...servers, ...http2Servers]);
    if (all.size === 0) {
      leave();
      return;
    }
    const limit = setTimeout(leave, Number(process.env.DEPLOYER_DRAIN_MS ?? 30_000));
    let open = all.size;
    const closed = (): void => {
      open -= 1;
      if (open > 0) return;
      whenPrimaryKnows(() => {
        clearTimeout(limit);
        leave();
      });
    };
    // Only the listener. http.Server's own close drops idle connections, on which a request may be under way.
    for (const server of all) net.Server.prototype.close.call(server, closed);
    for (const server of servers) setInterval(() => server.closeIdleConnections(), IDLE_MS).unref();
    for (const session of sessions) session.close();
  }

  // Until the cluster's primary has heard that this worker listens no more, it hands sockets to it. One that arrives is
  // given back by Node; one that arrives too late is lost, and its visitor waits for ever. The primary answers messages in
  // order: this is the one with which `cluster.worker.disconnect()` ends, which would also cut PM2 off from the app.
  function whenPrimaryKnows(done: () => void): void {
    if (!cluster.isWorker || !process.connected) {
      done();
      return;
    }
    const seq = "deployer";
    process.on("internalMessage", (message: { ack?: unknown }) => {
      if (message.ack === seq) setImmediate(done);
    });
    process.send?.({ cmd: "NODE_CLUSTER", act: "exitedAfterDisconnect", seq });
  }

  // What Node does without this script.
  function leaveItToTheApp(args: unknown[]): void {
    if (process.listenerCount("SIGINT") > 1) emit.apply(process, args);
    else process.exit(0);
  }

  function leave(): void {
    if (process.listenerCount("SIGINT") > 1) {
      emit.call(process, "SIGINT", "SIGINT", 2);
      setTimeout(() => process.exit(0), LEAVE_MS);
    } else {
      process.exit(0);
    }
  }
})();
