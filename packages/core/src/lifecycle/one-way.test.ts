import { readdirSync } from "node:fs";
import { expect, it } from "vitest";
import { DeployError } from "../errors/deploy-error.ts";
import type { Plugin } from "../plugin/plugin.ts";
import { deployerWith } from "../testing/index.ts";

it("a run that fails after something one-way was committed ends with exit 5, the reason and the way out", async () => {
  const plugin: Plugin = {
    name: "work",
    async migrate({ release, oneWay }) {
      if (readdirSync(release.path).includes("bad")) oneWay("core: 0001 is committed.", "deployer db undo");
    },
    activate: {
      order: "post",
      async handler({ release }) {
        if (!readdirSync(release.path).includes("bad")) return;
        throw new DeployError({ code: "ERR_BAD", exitCode: 4, message: "It is bad.", hint: "Make it good." });
      },
    },
  };
  await using app = await deployerWith({ plugins: [plugin] });
  const good = await app.deployer.check();
  app.remote.push({ bad: "" });
  expect(await app.deployer.check()).toMatchObject({
    outcome: "failed",
    exitCode: 5,
    previous: good.release,
    error: {
      code: "ERR_BAD",
      message: "It is bad.\ncore: 0001 is committed.",
      hint: "deployer db undo Make it good.",
      details: { oneWay: ["core: 0001 is committed."] },
    },
  });
});
