import { PassThrough } from "node:stream";
import { WriteStream } from "node:tty";
import { afterEach, describe, expect, it, vi } from "vitest";
import { paint } from "./paint.ts";

const stream = (isTTY: boolean): NodeJS.WritableStream =>
  Object.assign(new PassThrough(), { isTTY, getColorDepth: WriteStream.prototype.getColorDepth });

afterEach(() => vi.unstubAllEnvs());

describe("colours", () => {
  const RED = "\x1b[31m";

  it.each([
    ["on a terminal", true, {}, true],
    ["not in a file", false, {}, false],
    ["not where NO_COLOR says so", true, { NO_COLOR: "1" }, false],
    ["in a file where FORCE_COLOR says so", false, { FORCE_COLOR: "1" }, true],
  ])("%s", (_title, isTTY, env, isRed) => {
    vi.stubEnv("TERM", "xterm-256color");
    for (const name of ["NO_COLOR", "FORCE_COLOR", "NODE_DISABLE_COLORS", "CI"]) vi.stubEnv(name, undefined);
    for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
    expect(paint("ERR_BUILD: it failed", stream(isTTY)).includes(RED)).toBe(isRed);
  });

  it("stand at the beginning of what they are about, and change no letter", () => {
    vi.stubEnv("FORCE_COLOR", "1");
    vi.stubEnv("NO_COLOR", undefined);
    const text = "✔ build › build  1 s\n  warning: short of disk\nDeployed a in 1 s.\nLog: /srv/ERR_X: 1";
    const painted = paint(text, stream(true));
    expect(painted.replace(/\x1b\[\d+m/g, "")).toBe(text);
    expect(painted.split("\n").map((line) => line.includes("\x1b["))).toEqual([true, true, true, false]);
  });
});

it("a line without end is cut, and says by how much; the others stay", () => {
  const text = paint(`first\n${"x".repeat(18_000)}\nlast`, stream(false));
  expect(text.split("\n")).toEqual(["first", `${"x".repeat(500)} … and 17500 more characters`, "last"]);
});
