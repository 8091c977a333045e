import { deployerWith, type TestDeployer } from "@deployer/core/testing";
import { describe, expect, it } from "vitest";
import { node } from "./node.ts";

const own = process.versions.node;

async function appAsking(engines: object | undefined, files: Record<string, string> = {}): Promise<TestDeployer> {
  const app = await deployerWith({ plugins: [node({ install: false })], config: { shared: [] } });
  app.remote.push({ "package.json": JSON.stringify({ engines }), ...files });
  return app;
}

describe("the Node that an app asks for", () => {
  it.each([
    undefined,
    {},
    { node: ">=20" },
    { node: `^${own}` },
    { node: "*" },
    { node: "whatever is newest" },
    { npm: "<1" },
  ])("is not mentioned for engines %j", async (engines) => {
    await using app = await appAsking(engines);
    expect(await app.deployer.check()).toMatchObject({ outcome: "deployed", warnings: [] });
  });

  it("is told with both versions when the one that will run it is another, before the build", async () => {
    await using app = await appAsking({ node: "<20 || >=99" });
    expect(await app.deployer.check()).toMatchObject({
      outcome: "deployed",
      warnings: [
        expect.stringContaining(`asks for Node <20 || >=99 (engines in package.json) and would run on ${own}, `),
      ],
    });
  });

  it.each(["engine-strict=true", "audit=false\nengine-strict = true\n", "engine-strict"])(
    "stops the run where .npmrc says %j",
    async (npmrc) => {
      await using app = await appAsking({ node: ">=99" }, { ".npmrc": npmrc });
      expect(await app.deployer.check()).toMatchObject({
        exitCode: 2,
        error: {
          code: "ERR_NODE_ENGINE",
          details: { asked: ">=99", version: own },
          hint: expect.stringContaining("pm2 update"),
        },
      });
      expect(app.current()).toBeUndefined();
    },
  );

  it("does not stop the run where .npmrc says no", async () => {
    await using app = await appAsking({ node: ">=99" }, { ".npmrc": "engine-strict=false\n# engine-strict=true\n" });
    expect(await app.deployer.check()).toMatchObject({ outcome: "deployed", warnings: [expect.anything()] });
  });
});
