import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import { nodeFileSystem } from "../ports/node-file-system.ts";
import { temporaryRoot } from "../testing/temporary.ts";
import { installPreload } from "./install-preload.ts";

const BUSY_PRIMARY = fileURLToPath(new URL("../testing/busy-primary.ts", import.meta.url));

it("a visitor whom the primary hands over to a worker that is about to end is served by another", async () => {
  await using root = temporaryRoot();
  const preload = await installPreload(nodeFileSystem, root.paths);
  const { stdout } = await promisify(execFile)(process.execPath, [BUSY_PRIMARY, preload], { timeout: 30_000 });
  expect(stdout).toBe("served\nserved\n");
});
