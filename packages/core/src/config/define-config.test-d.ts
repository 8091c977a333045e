import { expectTypeOf, test } from "vitest";
import { definePlugin } from "../plugin/define-plugin.ts";
import { defineConfig } from "./define-config.ts";

const plugin = definePlugin(() => ({ name: "any" }));

test("a config is an object, or a function of the environment", () => {
  defineConfig({ app: "shop", shared: [".env", { path: "data/", seed: true }], plugins: [plugin()] });
  defineConfig(({ env }) => {
    expectTypeOf(env).toEqualTypeOf<string | undefined>();
    return { app: "shop", plugins: [plugin(), ["@deployer/plugin-node", {}], "@deployer/plugin-git"] };
  });
});

test("what is missing or misspelt does not compile", () => {
  // @ts-expect-error every app has a name
  defineConfig({ plugins: [plugin()] });
  // @ts-expect-error without plugins nothing is done
  defineConfig({ app: "shop" });
  // @ts-expect-error no such option
  defineConfig({ app: "shop", plugins: [], keepRelease: 3 });
  // @ts-expect-error the factory must be called
  defineConfig({ app: "shop", plugins: [plugin] });
  // @ts-expect-error copies are switched off, not on
  defineConfig({ app: "shop", plugins: [], copies: true });
});
