import { definePlugin } from "@deployer/core";
import { describe, expect, it } from "vitest";
import { overlay } from "./overlay.ts";

describe("laying an environment over a config", () => {
  it("replaces plain values, merges objects, and keeps what is not named", () => {
    expect(overlay({ app: "shop", copies: { maxBytes: 1, x: 2 } }, { app: "test", copies: { maxBytes: 3 } })).toEqual({
      app: "test",
      copies: { maxBytes: 3, x: 2 },
    });
  });

  it("replaces arrays: it does not append to them", () => {
    expect(overlay({ shared: [".env", "data/"] }, { shared: ["data/"] })).toEqual({ shared: ["data/"] });
  });

  it("puts something of another kind in the place of what was there", () => {
    expect(overlay({ copies: { maxBytes: 1 } }, { copies: false })).toEqual({ copies: false });
    expect(overlay({ copies: false }, { copies: { maxBytes: 1 } })).toEqual({ copies: { maxBytes: 1 } });
  });

  it("changes nothing where nothing is laid over, and neither of the two given", () => {
    const base = { app: "shop", plugins: [["a", { x: 1 }]] };
    expect(overlay(base, undefined)).toBe(base);
    overlay(base, { plugins: [["a", { x: 2 }]] });
    expect(base).toEqual({ app: "shop", plugins: [["a", { x: 1 }]] });
  });

  it("merges plugins of a text config by module, in the order of the base", () => {
    expect(
      overlay(
        { plugins: [["git", { remote: "r", ref: "main" }], "node", ["pm2", { health: "/" }]] },
        { plugins: [["node", { build: false }], ["git", { ref: "next" }], "notify"] },
      ),
    ).toEqual({
      plugins: [["git", { remote: "r", ref: "next" }], ["node", { build: false }], ["pm2", { health: "/" }], "notify"],
    });
  });

  it("merges plugins of a module config by factory", () => {
    const git = definePlugin<object>(() => ({ name: "git" }));
    const other = definePlugin<object>(() => ({ name: "other" }));
    const merged = overlay(
      { plugins: [git({ remote: "r", ref: "main" }), other({})] },
      { plugins: [git({ ref: "next" })] },
    ) as { plugins: { options: unknown; factory: unknown }[] };
    expect(merged.plugins.map(({ options }) => options)).toEqual([{ remote: "r", ref: "next" }, {}]);
    expect(merged.plugins[0]?.factory).toBe(git({}).factory);
  });
});
