import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { nodeFileSystem } from "@deployer/core";
import { temporaryRoot } from "@deployer/core/testing";
import { expect, it } from "vitest";
import { plainCommand, writePlain } from "./plain-command.ts";

const SCRIPTS = {
  start: "next start -p 3000",
  serve: "NODE_ENV=production node --no-warnings ./server.js --port 80",
  cross: "cross-env PORT=3000 next start",
  again: "npm run start -- -H 127.0.0.1",
  shell: "prisma migrate deploy && next start",
};

it.each([
  ["npm", ["start"], 'script: "node_modules/next/dist/bin/next", args: "start -p 3000", exec_mode: "cluster"'],
  [
    "/usr/bin/npm",
    ["--", "start"],
    'script: "node_modules/next/dist/bin/next", args: "start -p 3000", exec_mode: "cluster"',
  ],
  ["npm run start", [], 'script: "node_modules/next/dist/bin/next", args: "start -p 3000", exec_mode: "cluster"'],
  [
    "yarn",
    ["again"],
    'script: "node_modules/next/dist/bin/next", args: "start -p 3000 -H 127.0.0.1", exec_mode: "cluster"',
  ],
  [
    "node_modules/.bin/next",
    ["start"],
    'script: "node_modules/next/dist/bin/next", args: "start", exec_mode: "cluster"',
  ],
  ["npx next start", [], 'script: "node_modules/next/dist/bin/next", args: "start", exec_mode: "cluster"'],
  ["node", ["dist/main.js"], 'script: "dist/main.js", exec_mode: "cluster"'],
  [
    "pnpm",
    ["serve"],
    'script: "server.js", args: "--port 80", node_args: "--no-warnings", env: {"NODE_ENV":"production"} (beside what is there), exec_mode: "cluster"',
  ],
  [
    "npm",
    ["run", "cross"],
    'script: "node_modules/next/dist/bin/next", args: "start", env: {"PORT":"3000"} (beside what is there), exec_mode: "cluster"',
  ],
  ["npm", ["run", "shell"], undefined],
  ["npm", ["run", "none"], undefined],
  ["bash", ["start.sh"], undefined],
])("the plain command behind %s %j is what to write", async (script, args, expected) => {
  await using root = temporaryRoot();
  const folder = join(root.path, "apps/web");
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "package.json"), JSON.stringify({ scripts: SCRIPTS }));
  await mkdir(join(folder, "node_modules/next"), { recursive: true });
  await writeFile(join(folder, "node_modules/next/package.json"), JSON.stringify({ bin: { next: "./dist/bin/next" } }));
  const plain = await plainCommand(nodeFileSystem, { script, args, folder, top: root.path });
  expect(plain === undefined ? undefined : writePlain(plain)).toBe(expected);
});
