import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import type { CommandContext } from "../plugin/contexts.ts";
import type { Plugin } from "../plugin/plugin.ts";
import { deployerWith } from "../testing/index.ts";
import { history } from "./overview.ts";

const look: Plugin = {
  name: "look",
  commands: {
    ahead: {
      summary: "",
      async run({ checkOut }: CommandContext) {
        await using found = await checkOut();
        return { ...found, n: readFileSync(join(found.appPath, "n"), "utf8") };
      },
    },
  },
};

it("a command sees what would be deployed next, and nothing of that is left", async () => {
  await using app = await deployerWith({ plugins: [look] });
  await app.deployer.check();
  const before = { releases: readdirSync(app.paths.releases), runs: history(app.resolved.config, 9).length };
  const hash = app.remote.push({ n: "2" });
  const found = await app.deployer.inspect(app.deployer.commands()[0]!, { args: {}, flags: {} });
  expect(found).toMatchObject({ revision: { hash }, n: "2" });
  expect({ releases: readdirSync(app.paths.releases), runs: history(app.resolved.config, 9).length }).toEqual(before);
  expect([existsSync(app.paths.rehearsal), app.current()]).toEqual([false, before.releases[0]]);
});
