import { describe, expect } from "vitest";
import { plainApp } from "./support/apps.ts";
import { expectError, expectOutcome } from "./support/expect-outcome.ts";
import { test } from "./support/site.ts";

/** One config in every format; `$remote` stands for the repository's address. */
const FORMATS: Readonly<Record<string, string>> = {
  "deployer.config.ts": `
    import { defineConfig } from "@deployer/core";
    import { git } from "@deployer/plugin-git";
    import { node } from "@deployer/plugin-node";
    const app: string = "shop";
    export default defineConfig({ app, shared: ["data/"], plugins: [git({ remote: "$remote" }), node()] });
  `,
  "deployer.config.mjs": `
    import { defineConfig } from "@deployer/core";
    import git from "@deployer/plugin-git";
    import node from "@deployer/plugin-node";
    export default defineConfig({ app: "shop", shared: ["data/"], plugins: [git({ remote: "$remote" }), node()] });
  `,
  "deployer.config.json": `{
    "app": "shop",
    "shared": ["data/"],
    "plugins": [["@deployer/plugin-git", { "remote": "$remote" }], "@deployer/plugin-node"]
  }`,
  "deployer.config.yaml": `
app: shop
shared: [data/]
plugins:
  - ["@deployer/plugin-git", { remote: $remote }]
  - "@deployer/plugin-node"
`,
  "deployer.config.toml": `
app = "shop"
shared = ["data/"]
plugins = [["@deployer/plugin-git", { remote = "$remote" }], ["@deployer/plugin-node"]]
`,
};

test.for(Object.entries(FORMATS))(
  "%s deploys, with nothing but its folder around it",
  async ([name, text], { site }) => {
    await site.put(name, text.replace("$remote", site.remote));
    await site.commit(plainApp());
    const answer = await site.deployer(["check", "--json"]);
    expectOutcome(answer, "deployed");
    // No warning of Node's about the module's format either.
    expect(answer.stderr).toBe("");
    expect(await site.read("current/built.txt")).toBe("built from 1\n");
  },
);

test("--config names a file of another folder, whose folder is then the root", async ({ site }) => {
  await site.put("deployer.config.yaml", FORMATS["deployer.config.yaml"]?.replace("$remote", site.remote) as string);
  await site.commit(plainApp());
  const path = site.at("root/deployer.config.yaml");
  expectOutcome(await site.deployer(["check", "--json", "--config", path], { cwd: "/" }), "deployed");
  expect(await site.read("current/built.txt")).toBe("built from 1\n");
});

test("TypeScript that needs more than the stripping of types works as well", async ({ site }) => {
  await site.put(
    "deployer.config.ts",
    `import { defineConfig } from "@deployer/core";
     import { git } from "@deployer/plugin-git";
     enum Name { shop = "shop" }
     export default defineConfig({ app: Name.shop, plugins: [git({ remote: "${site.remote}" })] });`,
  );
  await site.commit(plainApp());
  expectOutcome(await site.deployer(["check", "--json"]), "deployed");
});

describe("--env", () => {
  test("lays an environment over the config: lists replace, plugins merge by name", async ({ site }) => {
    await site.configure({
      root: "live",
      shared: ["data/", "uploads/"],
      plugins: [["@deployer/plugin-git", { remote: site.remote, ref: "main" }], "@deployer/plugin-node"],
      $staging: { root: "staging", shared: ["data/"], plugins: [["@deployer/plugin-git", { ref: "next" }]] },
    });
    await site.commit(plainApp("main"));
    await site.commit(plainApp("next"), "Next", "next");

    expectOutcome(await site.deployer(["check", "--json", "--env", "staging"]), "deployed");
    expect(await site.read("staging/current/built.txt")).toBe("built from next\n");
    expectOutcome(await site.deployer(["check", "--json"]), "deployed");
    expect(await site.read("live/current/built.txt")).toBe("built from main\n");
    const { json } = await site.deployer<{ shared: { path: string }[] }>(["config", "--json", "--env", "staging"]);
    expect(json.shared.map(({ path }) => path)).toEqual(["data"]);
  });

  test("reaches a config that is a function", async ({ site }) => {
    await site.put(
      "deployer.config.ts",
      `import { defineConfig } from "@deployer/core";
       import { git } from "@deployer/plugin-git";
       export default defineConfig(({ env }) => ({
         app: "shop",
         root: env ?? "live",
         plugins: [git({ remote: "${site.remote}", ref: env === "staging" ? "next" : "main" })],
       }));`,
    );
    await site.commit(plainApp("main"));
    await site.commit(plainApp("next"), "Next", "next");
    expectOutcome(await site.deployer(["check", "--json", "--env", "staging"]), "deployed");
    expect(await site.read("staging/current/version.txt")).toBe("next\n");
    expectOutcome(await site.deployer(["check", "--json"]), "deployed");
    expect(await site.read("live/current/version.txt")).toBe("main\n");
  });

  test("of a name that the config does not know is an error, not the plain config", async ({ site }) => {
    await site.configure({ $staging: { root: "staging" } });
    const json = expectError(await site.deployer(["check", "--json", "--env", "stagnig"]), "ERR_CONFIG_LOAD", 2);
    expect(json.error?.message).toContain('no environment "stagnig"');
  });

  test("on the root of another environment is refused", async ({ site }) => {
    await site.configure({ $staging: { keepReleases: 2 } });
    await site.commit(plainApp());
    expectOutcome(await site.deployer(["check", "--json"]), "deployed");
    expectError(await site.deployer(["check", "--json", "--env", "staging"]), "ERR_OTHER_APP", 2);
  });
});
