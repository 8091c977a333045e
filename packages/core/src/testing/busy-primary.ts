// A cluster's primary that is too busy to hear anything for a while, as PM2's daemon may be. In that time a visitor for
// each of its two workers comes, and then one worker is told to end. Writes what the visitors got.
import { spawn } from "node:child_process";
import cluster, { type Address, type Worker } from "node:cluster";
import { once } from "node:events";
import { createServer } from "node:http";

const BUSY_MS = 1_500;
const VISITORS = `
  const http = require("node:http");
  const [port, worker] = process.argv.slice(1).map(Number);
  process.stdin.once("data", () => {
    let connected = 0;
    for (let visitor = 0; visitor < 2; visitor += 1) {
      const request = http.get({ port, agent: false, timeout: 3000 }, (response) => response.pipe(process.stdout));
      request.on("socket", (socket) => socket.once("connect", () => ++connected === 2 && process.kill(worker, "SIGINT")));
      request.on("timeout", () => request.destroy(new Error("timeout")));
      request.on("error", (error) => console.log(error.message));
    }
  });
`;

if (cluster.isPrimary) await bePrimary(String(process.argv[2]));
else createServer((_request, response) => response.end("served\n")).listen(0);

async function bePrimary(preload: string): Promise<void> {
  cluster.setupPrimary({ execArgv: ["-r", preload], args: [] });
  const workers = [cluster.fork(), cluster.fork()];
  const addresses = await Promise.all(workers.map(addressOf));
  const pid = workers[0]?.process.pid;
  const visitors = spawn(process.execPath, ["-e", VISITORS, String(addresses[0]?.port), String(pid)], {
    stdio: ["pipe", "inherit", "inherit"],
  });
  await once(visitors, "spawn");
  visitors.stdin.end("go");
  const began = Date.now();
  while (Date.now() - began < BUSY_MS);
  await once(visitors, "exit");
  for (const worker of Object.values(cluster.workers ?? {})) worker?.process.kill("SIGKILL");
}

async function addressOf(worker: Worker): Promise<Address> {
  const [address] = (await once(worker, "listening")) as [Address];
  return address;
}
