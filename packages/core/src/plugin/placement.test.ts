import { describe, expect, it } from "vitest";
import { inOrder, type Placed } from "./placement.ts";

const NAMES = ["a", "b", "c", "d"];

function order(...entries: Placed[]): string {
  return inOrder(entries, NAMES)
    .map(({ plugin }) => plugin)
    .join("");
}

describe("places among plugins", () => {
  it("are those of the config without a wish", () => {
    expect(order({ plugin: "b" }, { plugin: "a" }, { plugin: "c" })).toBe("bac");
  });

  it("move one before another, or after several", () => {
    expect(order({ plugin: "a" }, { plugin: "b" }, { plugin: "c", before: "a" })).toBe("bca");
    expect(order({ plugin: "a", after: ["b", "c"] }, { plugin: "b" }, { plugin: "c" })).toBe("bca");
  });

  it("move no further than asked", () => {
    expect(order({ plugin: "a", after: "b" }, { plugin: "b" }, { plugin: "c" }, { plugin: "d" })).toBe("bacd");
  });

  it("hold for every entry of a plugin, and never between its own", () => {
    expect(order({ plugin: "a", after: "b" }, { plugin: "a" }, { plugin: "b" })).toBe("aba");
    expect(order({ plugin: "a", before: "b" }, { plugin: "b" }, { plugin: "b" })).toBe("abb");
  });

  it("beside a plugin that does nothing in this stage mean nothing", () => {
    expect(order({ plugin: "a", after: "d" }, { plugin: "b" })).toBe("ab");
  });

  it("beside an unknown plugin are an error that names both", () => {
    expect(() => order({ plugin: "a", before: "pm3" })).toThrow('"a" wants a place beside "pm3"');
  });

  it("in a circle are an error that names who is in it", () => {
    expect(() => order({ plugin: "a", before: "b" }, { plugin: "b", before: "a" }, { plugin: "c" })).toThrow(
      'the places of "a", "b" go in a circle',
    );
  });
});
