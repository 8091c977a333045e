import { describe, expect, it } from "vitest";
import { faultOf } from "./health-check.ts";

const HASH = "3f2a1bc0000000000000000000000000000000ff";

describe("a health check", () => {
  it("takes any status from 200 to 399 as well, unless one is named", () => {
    for (const status of [200, 204, 302, 399]) expect(faultOf({ path: "/" }, status, null, undefined)).toBeNull();
    for (const status of [199, 400, 404, 500])
      expect(faultOf({ path: "/" }, status, null, undefined)).toContain(`${status}`);
    expect(faultOf({ path: "/", status: 204 }, 204, null, undefined)).toBeNull();
    expect(faultOf({ path: "/", status: 204 }, 200, null, undefined)).toBe("it answered 200 instead of 204");
  });

  it("may name a range of statuses", () => {
    const check = { path: "/", status: "200-499" } as const;
    for (const status of [200, 401, 499]) expect(faultOf(check, status, null, undefined)).toBeNull();
    for (const status of [199, 500])
      expect(faultOf(check, status, null, undefined)).toBe(`it answered ${status} instead of 200-499`);
  });

  it("may want a text in the answer, or a regular expression between slashes", () => {
    const fault = (body: string, text: string) => faultOf({ path: "/", body }, 200, null, undefined, text);
    expect(fault("ready", "all ready")).toBeNull();
    expect(fault("ready", "not yet")).toBe('its answer does not hold "ready"');
    expect(fault("/^ok: \\d+$/m", "shop\nok: 3")).toBeNull();
    expect(fault("/^ok: \\d+$/m", "ok: no")).toBe("its answer does not hold /^ok: \\d+$/m");
  });

  it("wants the expected revision where it is said to stand, whole or as git shortens it", () => {
    const check = { path: "/", json: "revision" };
    expect(faultOf(check, 200, HASH, HASH)).toBeNull();
    expect(faultOf(check, 200, HASH.slice(0, 7), HASH)).toBeNull();
    expect(faultOf(check, 200, HASH.slice(0, 6), HASH)).toContain("instead of");
    expect(faultOf(check, 200, "0000000", HASH)).toContain("instead of");
    expect(faultOf(check, 200, null, HASH)).toBe('its answer has no revision at "revision"');
    expect(faultOf({ path: "/" }, 200, null, HASH)).toBeNull();
  });
});
