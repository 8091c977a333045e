import { readdir, stat, writeFile } from "node:fs/promises";
import { expect, it } from "vitest";
import { nodeFileSystem } from "../ports/node-file-system.ts";
import { temporaryRoot } from "../testing/temporary.ts";
import { installPreload } from "./install-preload.ts";

it("puts the preload there once, readable for all, and never writes over it", async () => {
  await using root = temporaryRoot();
  const path = await installPreload(nodeFileSystem, root.paths);
  expect((await stat(path)).mode & 0o777).toBe(0o644);
  expect((await stat(root.paths.preload)).mode & 0o777).toBe(0o711);
  await writeFile(path, "// in use");
  expect(await installPreload(nodeFileSystem, root.paths)).toBe(path);
  expect(await nodeFileSystem.readText(path)).toBe("// in use");
  expect(await readdir(root.paths.preload)).toHaveLength(1);
});
