import { afterEach, describe, expect, it, vi } from "vitest";
import { localTime } from "./local-time.ts";

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
