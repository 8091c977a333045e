import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** What a release of the test app does. */
export interface AppBehaviour {
  readonly port: number;
  /** Runs before anything else. */
  readonly first?: string;
  readonly listens?: boolean;
  /** Source of the handler; `REVISION` and `started` are in scope. */
  readonly handler?: string;
  /** Runs at the end, in scope of `server`. */
  readonly last?: string;
  readonly ecosystem?: Readonly<Record<string, unknown>>;
  /** In place of the one app. */
  readonly apps?: readonly object[];
  /** Further files. */
  readonly files?: Readonly<Record<string, string>>;
}

/** A handler with which some requests are always under way. */
export const SLOW = `(request, response) => {
  response.setHeader("x-revision", REVISION);
  setTimeout(() => response.end(JSON.stringify({ revision: REVISION })), 300);
}`;

/** Writes a whole release of a plain Node app without any shutdown code. */
export async function writeApp(directory: string, revision: string, app: AppBehaviour): Promise<void> {
  await mkdir(directory, { recursive: true });
  await writeFile(
    join(directory, "server.js"),
    `${app.first ?? ""}
const REVISION = ${JSON.stringify(revision)};
const started = Date.now();
const server = require("node:http").createServer(${
      app.handler ??
      `(request, response) => {
  response.setHeader("x-revision", REVISION);
  response.end(JSON.stringify({ revision: REVISION, pid: process.pid, flag: process.env.FLAG ?? null, told: process.env.DEPLOYER_REVISION ?? null, args: process.argv.slice(2) }));
}`
    });
${app.listens === false ? "setInterval(() => {}, 1000);" : `server.listen(${app.port});`}
${app.last ?? ""}
`,
  );
  await writeFile(
    join(directory, "ecosystem.config.cjs"),
    `console.log("the ecosystem file may print");
module.exports = { apps: ${JSON.stringify(app.apps ?? [{ name: "shop", script: "server.js", exec_mode: "cluster", instances: 2, env: { FLAG: "one" }, ...app.ecosystem }])} };
`,
  );
  for (const [name, text] of Object.entries(app.files ?? {})) await writeFile(join(directory, name), text);
}
