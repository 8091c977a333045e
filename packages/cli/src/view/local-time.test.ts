import { afterEach, describe, expect, it, vi } from "vitest";
import { duration, localTime } from "./local-time.ts";

afterEach(() => vi.unstubAllEnvs());

describe("a moment as a person reads it", () => {
  it.each([
    ["UTC", "2026-11-25 16:00:03 +00:00"],
    ["Europe/Berlin", "2026-11-25 17:00:03 +01:00"],
    ["America/St_Johns", "2026-11-25 12:30:03 -03:30"],
    ["Asia/Kathmandu", "2026-11-25 21:45:03 +05:45"],
  ])("in %s is %s", (zone, text) => {
    vi.stubEnv("TZ", zone);
    expect(localTime(Date.UTC(2026, 10, 25, 16, 0, 3, 999))).toBe(text);
  });

  it("has the offset of its own season", () => {
    vi.stubEnv("TZ", "Europe/Berlin");
    expect(localTime(Date.UTC(2026, 6, 1, 10))).toBe("2026-07-01 12:00:00 +02:00");
  });
});

it.each([
  [0, "0 s"],
  [-5_000, "0 s"],
  [59_400, "59 s"],
  [60_000, "1 min"],
  [3_599_999, "59 min"],
  [3 * 3_600_000, "3 h"],
  [47 * 3_600_000, "47 h"],
  [3.5 * 86_400_000, "3 days"],
])("%s milliseconds are %s", (milliseconds, text) => expect(duration(milliseconds)).toBe(text));
