import { createHash, randomUUID } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { cp, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expectOutcome } from "./expect-outcome.ts";
import { freePort } from "./free-port.ts";
import type { Files } from "./repository.ts";
import { mustRun } from "./run-program.ts";
import type { Site } from "./site.ts";

const repository = fileURLToPath(new URL("../..", import.meta.url));
const example = join(repository, "examples/next-sqlite");

/** What npm on this machine needs to reach its registry; the deployer passes on only what its config names. */
const NPM_VARIABLES = ["npm_config_userconfig", "npm_config_globalconfig", "npm_config_cafile", "npm_config_cache"];

/** What it may need besides; the deployer passes it on by itself. */
const NETWORK = [
  "NODE_EXTRA_CA_CERTS",
  "HTTPS_PROXY",
  "https_proxy",
  "HTTP_PROXY",
  "http_proxy",
  "NO_PROXY",
  "no_proxy",
];

/** Gives a release dependencies that were installed once, as hard links: half a second in the place of a minute. */
const MODULES = `
  import { join } from "node:path";
  import { definePlugin, runCommand } from "@deployer/core";

  export default definePlugin(({ from }) => ({
    name: "modules",
    build: (ctx) =>
      runCommand(ctx, {
        file: "cp",
        args: ["-al", from, join(ctx.release.path, "node_modules")],
        cwd: ctx.release.path,
        env: ctx.environment,
        timeoutMs: 60_000,
      }),
  }));
`;

export interface NextVariant {
  readonly output: "default" | "standalone";
  /** Where the app lies in its repository; dependencies and lockfile are at the top. @default "." */
  readonly directory?: string;
  /** Dependencies by the deployer's own npm ci. */
  readonly install?: boolean;
  readonly health?: string | object;
  readonly shared?: readonly string[];
  /** What next.config says of itself besides. */
  readonly next?: string;
  /** More options of the node plugin. */
  readonly node?: object;
}

/** The example app in a variant, deployed by PM2 on a port of this machine. */
export interface NextSite {
  readonly url: string;
  /** What npm needs of this machine, for a command that installs. */
  readonly npm: Readonly<Record<string, string>>;
  /** The app's files, with these edits; paths are relative to the app. */
  files(edits?: Files): Files;
  /** Commits an edit of the app and deploys it. */
  deploy(edits: Files): Promise<string>;
  get(path: string): Promise<{ readonly status: number; readonly text: string }>;
  post(path: string, body: object): Promise<number>;
  /** Static files that the home page names. */
  chunks(): Promise<string[]>;
  /** What the last run said. */
  log(): Promise<string>;
}

export async function nextSite(site: Site, variant: NextVariant): Promise<NextSite> {
  const { directory = ".", output, install = false } = variant;
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const place = (edits: Files): Files =>
    Object.fromEntries(Object.entries(edits).map(([path, text]) => [join(directory, path), text]));
  await site.put("modules.mjs", MODULES);
  await site.put("shared/.env", `PORT=${port}\n`, 0o600);
  await site.configure({
    directory,
    shared: [".env", "data/", ...(variant.shared ?? [])],
    env: NPM_VARIABLES,
    plugins: [
      ["@deployer/plugin-git", { remote: site.remote }],
      ...(install ? [] : [["./modules.mjs", { from: await dependencies() }]]),
      ["@deployer/plugin-node", { install, ...variant.node }],
      ["@deployer/plugin-drizzle", { databases: Object.fromEntries(["core", "system", "content"].map(database)) }],
      [
        "@deployer/plugin-pm2",
        {
          ecosystem: "ecosystem.config.cjs",
          health: variant.health ?? { path: "/api/health", json: "revision" },
          gate: { settleMs: 1_000 },
          soakMs: 1_000,
        },
      ],
    ],
  });
  const get: NextSite["get"] = async (path) => {
    const response = await fetch(`${url}${path}`, { headers: { connection: "close" } });
    return { status: response.status, text: await response.text() };
  };
  const npm = Object.fromEntries(
    [...NPM_VARIABLES, ...NETWORK].flatMap((name) =>
      process.env[name] === undefined ? [] : [[name, process.env[name] as string]],
    ),
  );
  return {
    url,
    npm,
    files: (edits = {}) => ({ ...variantFiles(output, directory, variant.next), ...edits }),
    async deploy(edits) {
      const hash = await site.commit(place(edits));
      expectOutcome(await site.deployer(["check", "--json"], { env: npm }), "deployed");
      return hash;
    },
    get,
    async post(path, body) {
      const headers = { "content-type": "application/json", connection: "close" };
      return (await fetch(`${url}${path}`, { method: "POST", headers, body: JSON.stringify(body) })).status;
    },
    async chunks() {
      const { text } = await get("/");
      return [...new Set(text.match(/\/_next\/static\/[^"'\\\s]+\.(?:js|css)/g))];
    },
    async log() {
      const logs = readdirSync(join(site.root, ".deployer/logs")).sort();
      return site.read(join(".deployer/logs", logs.at(-1) as string));
    },
  };
}

function database(name: string): [string, object] {
  return [name, { file: `data/${name}.db`, migrations: `drizzle/${name}` }];
}

/** The example's files; in a subdirectory its package.json and lockfile stay at the repository's top. */
function variantFiles(output: NextVariant["output"], directory: string, config = ""): Files {
  const up =
    directory === "."
      ? "."
      : directory
          .split("/")
          .map(() => "..")
          .join("/");
  const top = join(up, ".");
  const files: Record<string, string> = {};
  const visit = (below: string): void => {
    for (const entry of readdirSync(join(example, below), { withFileTypes: true })) {
      const path = join(below, entry.name);
      if (["node_modules", ".next", "data", ".env"].includes(path)) continue;
      if (entry.isDirectory()) visit(path);
      else files[path] = readFileSync(join(example, path), "utf8");
    }
  };
  visit("");
  if (directory !== ".") {
    for (const name of ["package.json", "package-lock.json", ".npmrc"]) files[join(top, name)] = files[name] as string;
    files["package.json"] = JSON.stringify({
      name: "web",
      type: "module",
      private: true,
      scripts: { build: "next build" },
    });
    delete files["package-lock.json"];
  }
  files["next.config.ts"] = `
    import path from "node:path";
    const root = path.resolve(import.meta.dirname, ${JSON.stringify(up)});
    export default {
      ${output === "standalone" ? 'output: "standalone",' : ""}
      serverExternalPackages: ["better-sqlite3"],
      turbopack: { root },
      outputFileTracingRoot: root,
      ${config}
    };
  `;
  files["src/app/page.tsx"] = (files["src/app/page.tsx"] as string)
    .replace("import", 'import { Hello } from "./hello";\nimport')
    .replace("<footer>", "<Hello />\n      <footer>");
  files["src/app/hello.tsx"] = hello("1");
  // The pm2 plugin takes no script above the app's directory, where npm puts the packages of a monorepo.
  if (directory !== ".") files["start.cjs"] = `require("next/dist/bin/next");`;
  if (output === "standalone" || directory !== ".") files["ecosystem.config.cjs"] = ecosystem(output, directory);
  return files;
}

/** A client component: each version of it is a chunk of its own. */
export function hello(version: string): string {
  return `"use client";
    export function Hello() {
      return <button type="button" onClick={() => console.log("version ${version}")}>hello ${version}</button>;
    }
  `;
}

function ecosystem(output: NextVariant["output"], directory: string): string {
  const next = directory === "." ? "node_modules/next/dist/bin/next" : "start.cjs";
  const script = output === "standalone" ? join(".next/standalone", directory, "server.js") : next;
  return `
    const { readFileSync } = require("node:fs");
    const { join } = require("node:path");
    const { PORT } = require("node:util").parseEnv(readFileSync(join(__dirname, ".env"), "utf8"));
    module.exports = {
      apps: [{
        name: "shop",
        script: ${JSON.stringify(script)},
        args: ${output === "standalone" ? '""' : '"start -p " + PORT'},
        exec_mode: "cluster",
        instances: 2,
        env: { NODE_ENV: "production", PORT, HOSTNAME: "127.0.0.1", NEXT_TELEMETRY_DISABLED: "1" },
      }],
    };
  `;
}

/** The example's node_modules, installed once per lockfile and kept in `.cache` of this repository. */
async function dependencies(): Promise<string> {
  const cache = join(repository, ".cache");
  const names = ["package.json", "package-lock.json", ".npmrc"];
  const hash = createHash("sha256");
  for (const name of names) hash.update(await readFile(join(example, name)));
  const folder = join(cache, `next-sqlite-${hash.digest("hex").slice(0, 16)}`);
  if (existsSync(folder)) return join(folder, "node_modules");
  const making = join(cache, `making-${randomUUID()}`);
  try {
    await mkdir(making, { recursive: true });
    for (const name of names) await cp(join(example, name), join(making, name));
    await mustRun("npm", ["ci", "--include=dev"], { cwd: making, env: process.env as Record<string, string> });
    await writeFile(join(making, "complete"), "");
    // Whoever is first wins; the other's is the same.
    await rename(making, folder).catch((error: unknown) => {
      if (!existsSync(join(folder, "complete"))) throw error;
    });
  } finally {
    await rm(making, { recursive: true, force: true });
  }
  return join(folder, "node_modules");
}
