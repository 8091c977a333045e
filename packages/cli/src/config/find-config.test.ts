import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryDirectory } from "@deployer/core/testing";
import { expect, it } from "vitest";
import { findConfig } from "./find-config.ts";

it.each(["ts", "mjs", "json", "yaml", "toml"])(
  "the config of a folder is found: deployer.config.%s",
  async (extension) => {
    await using folder = temporaryDirectory();
    writeFileSync(join(folder.path, "other.config.ts"), "");
    const file = join(folder.path, `deployer.config.${extension}`);
    writeFileSync(file, "");
    expect(await findConfig(undefined, folder.path)).toBe(file);
  },
);

it("a config that is named is taken from where the command runs, or from its absolute path", async () => {
  await using folder = temporaryDirectory();
  const file = join(folder.path, "staging.ts");
  writeFileSync(file, "");
  expect(await findConfig("staging.ts", folder.path)).toBe(file);
  expect(await findConfig(file, "/")).toBe(file);
});

it("a folder without one, and a name that fits nothing or a folder, are told with what to do", async () => {
  await using folder = temporaryDirectory();
  mkdirSync(join(folder.path, "sub"));
  await expect(findConfig(undefined, folder.path)).rejects.toMatchObject({
    code: "ERR_CONFIG_MISSING",
    exitCode: 2,
    hint: expect.stringContaining("--config"),
    details: { folder: folder.path },
  });
  for (const name of ["gone.ts", "sub"]) {
    await expect(findConfig(name, folder.path)).rejects.toMatchObject({
      code: "ERR_CONFIG_MISSING",
      details: { file: join(folder.path, name) },
    });
  }
});

it("two config files side by side are refused with both names, unless one is named", async () => {
  await using folder = temporaryDirectory();
  const files = ["deployer.config.ts", "deployer.config.json"].map((name) => join(folder.path, name));
  for (const file of files) writeFileSync(file, "");
  await expect(findConfig(undefined, folder.path)).rejects.toMatchObject({
    code: "ERR_CONFIG_AMBIGUOUS",
    exitCode: 2,
    details: { files: expect.arrayContaining(files) },
  });
  expect(await findConfig("deployer.config.json", folder.path)).toBe(files[1]);
});
