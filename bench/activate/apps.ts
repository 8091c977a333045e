import type { Files } from "./world.ts";

/** What an app's server does beside answering; the source sees `server`, `answer` and `http`. */
export interface ServerSource {
  /** Before anything else. */
  readonly first?: string;
  /** In place of `server.listen(…)`; it can call `listen()`. */
  readonly start?: string;
  /** After the server was told to listen. */
  readonly last?: string;
}

/**
 * A plain server without dependencies: `/api/health` answers its revision, `/slow` after a second.
 * `marker` makes each commit another one.
 */
export function plainServer(marker: string, source: ServerSource = {}): Files {
  return {
    "marker.txt": `${marker}\n`,
    "server.cjs": `const http = require("node:http");
const { readFileSync } = require("node:fs");
const { join } = require("node:path");
${source.first ?? ""}
const answer = { status: 200, revision: readFileSync(join(__dirname, "REVISION"), "utf8").trim() };
const server = http.createServer((request, response) => {
  const reply = () => {
    response.writeHead(answer.status, { "content-type": "application/json" });
    response.end(JSON.stringify({ revision: answer.revision }));
  };
  if (request.url === "/slow") setTimeout(reply, 1000);
  else reply();
});
const listen = () => server.listen(Number(process.env.PORT), "127.0.0.1");
${source.start ?? "listen();"}
${source.last ?? ""}
`,
  };
}

/** Ends by itself as soon as its connections are closed, as many guides advise. */
export const withShutdownCode: ServerSource = {
  last: 'process.on("SIGINT", () => server.close(() => process.exit(0)));',
};

export const slowStart: ServerSource = { start: "setTimeout(listen, 4000);" };

/** Eight releases that must never take over. */
export const badServers: Readonly<Record<string, ServerSource>> = {
  "throws at start": { first: 'throw new Error("no configuration");' },
  exits: { first: "process.exit(3);" },
  "never listens": { start: "setInterval(() => {}, 1000);" },
  "answers 500": { last: "answer.status = 500;" },
  "unhealthy after 3 s": { last: "setTimeout(() => { answer.status = 500; }, 3000);" },
  "crash-loops": { last: 'setTimeout(() => { throw new Error("out of luck"); }, 1500);' },
  "wrong revision": { last: 'answer.revision = "0".repeat(40);' },
  // As Next.js does: it listens before it looks for its build.
  "build output missing": { last: 'server.on("listening", () => require("./dist/pages.cjs"));' },
};
