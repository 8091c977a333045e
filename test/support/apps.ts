import type { Files } from "./repository.ts";

/** The plugins of a config that deploys what the remote has; text configs name plugins by their modules. */
export function gitAndNode(remote: string, node: object = {}): [string, object][] {
  return [
    ["@deployer/plugin-git", { remote }],
    ["@deployer/plugin-node", node],
  ];
}

/** An app without dependencies whose build writes what it was built from. */
export function plainApp(version = "1"): Files {
  return {
    "package.json": packageJson({ build: "node build.cjs" }),
    "version.txt": `${version}\n`,
    "build.cjs": `
      const { readFileSync, writeFileSync } = require("node:fs");
      writeFileSync("built.txt", "built from " + readFileSync("version.txt", "utf8"));
      console.log("built version " + readFileSync("version.txt", "utf8").trim());
    `,
  };
}

/** A build script of its own beside the rest of the plain app. */
export function withBuild(script: string): Files {
  return { ...plainApp(), "build.cjs": script };
}

/** The twenty-line app: `/` answers its version and revision, `/api/health` its revision as JSON. */
export function webApp(version = "1"): Files {
  return {
    "package.json": packageJson({}),
    "server.cjs": serverWith(`
      if (request.url === "/api/health") {
        response.setHeader("content-type", "application/json");
        return response.end(JSON.stringify({ ok: true, revision }));
      }
      response.end("version ${version} " + revision);
    `),
  };
}

/** The server of the web app with another body. It sees `request`, `response` and `revision`. */
export function serverWith(body: string): string {
  return `
    const { createServer } = require("node:http");
    const { readFileSync } = require("node:fs");
    const { join } = require("node:path");
    const revision = readFileSync(join(__dirname, "REVISION"), "utf8").trim();
    createServer((request, response) => {${body}}).listen(Number(process.env.PORT), "127.0.0.1");
  `;
}

export function packageJson(scripts: object, more: object = {}): string {
  return JSON.stringify({ name: "shop", version: "1.0.0", private: true, scripts, ...more }, null, 2);
}
