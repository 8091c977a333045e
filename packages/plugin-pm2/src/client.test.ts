import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { temporaryDirectory } from "@deployer/core/testing";
import { expect, it } from "vitest";

const CLIENT = fileURLToPath(new URL("./client.ts", import.meta.url));

it("ends by itself when PM2 never answers and nobody is left to end it", async () => {
  await using folder = temporaryDirectory();
  const pm2 = join(folder.path, "pm2.cjs");
  writeFileSync(pm2, "exports.connect = () => setInterval(() => {}, 1000);");
  const input = JSON.stringify({ pm2, act: "daemon", answer: "", lifetimeMs: 200 });
  const { status, signal } = spawnSync(process.execPath, [CLIENT], { input, timeout: 20_000 });
  expect({ status, signal }).toEqual({ status: 1, signal: null });
});
