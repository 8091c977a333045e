import { describe, expect, it } from "vitest";
import { coreError, coreErrors } from "../errors/catalog.ts";
import { DeployError, EXIT, type ExitCode } from "../errors/deploy-error.ts";
import { errorResult, errorSummary, holdsRevision, outcomeOf, toDeployError } from "./failure.ts";

const quiet = new AbortController().signal;

function failure(exitCode: ExitCode, code = "ERR_X"): DeployError {
  return new DeployError({ code, exitCode, message: "m", hint: "h" });
}

describe("whatever was thrown", () => {
  it("stays what it is when it says what to do", () => {
    const error = failure(EXIT.undone);
    expect(toDeployError(error, quiet)).toBe(error);
  });

  it("of a second copy of core is recognised by its shape", () => {
    const foreign = Object.assign(new Error("m"), { code: "ERR_Y", exitCode: 6, hint: "h", details: {} });
    expect(toDeployError(foreign, quiet)).toBe(foreign);
  });

  it.each([
    ...["ENOSPC", "EDQUOT", "EACCES", "EROFS", "EIO", "EMFILE"],
    ...["SQLITE_FULL", "SQLITE_IOERR_WRITE", "SQLITE_CANTOPEN", "SQLITE_READONLY_DIRECTORY"],
  ])("with %s is a disk that cannot be written to", (code) => {
    const cause = Object.assign(new Error("no"), { code });
    expect(toDeployError(cause, quiet)).toMatchObject({ code: "ERR_DISK", exitCode: 4, details: { code }, cause });
  });

  it.each([[new TypeError("x is undefined")], ["a string"], [Object.assign(new Error("e"), { code: "ENOENT" })]])(
    "is a defect otherwise: %s",
    (thrown) => {
      expect(toDeployError(thrown, quiet)).toMatchObject({ code: "ERR_DEFECT", exitCode: 1, cause: thrown });
    },
  );

  it("after an interruption is the interruption, whatever it looks like", () => {
    expect(toDeployError(failure(EXIT.undone), AbortSignal.abort())).toMatchObject({
      code: "ERR_INTERRUPTED",
      exitCode: 130,
    });
  });
});

it.each([
  [EXIT.defect, "failed", true],
  [EXIT.unfit, "failed", false],
  [EXIT.locked, "locked", false],
  [EXIT.undone, "failed", true],
  [EXIT.notUndone, "failed", true],
  [EXIT.noRelease, "failed", false],
  [EXIT.unreachable, "unreachable", false],
  [EXIT.interrupted, "interrupted", false],
] as const)("exit %i is called %s and holds the revision: %s", (exitCode, outcome, holds) => {
  expect(outcomeOf(failure(exitCode))).toBe(outcome);
  expect(holdsRevision(failure(exitCode))).toBe(holds);
});

it("a full disk says nothing about the revision", () => {
  expect(holdsRevision(coreError("ERR_DISK", { message: "m", hint: "h" }))).toBe(false);
});

it("an error's summary is plain JSON without secrets", () => {
  const error = new DeployError({
    code: "ERR_X",
    exitCode: 4,
    message: "hunter22 in the message",
    hint: "hunter22 in the hint",
    details: { token: "t0ps3cret", list: ["hunter22"], gone: undefined },
  });
  expect(errorSummary(error, (text) => text.replaceAll("hunter22", "***"))).toEqual({
    code: "ERR_X",
    message: "*** in the message",
    hint: "*** in the hint",
    details: { token: "[redacted]", list: ["***"] },
  });
});

it("what is refused before a run has a whole result all the same", () => {
  expect(errorResult(failure(EXIT.locked), "shop")).toMatchObject({
    schema: 1,
    app: "shop",
    outcome: "locked",
    exitCode: 3,
    stages: [],
    error: { code: "ERR_X" },
    log: null,
  });
  expect(errorResult(new Error("x"))).toMatchObject({ app: null, exitCode: 1 });
});

it("every error of the catalog has an exit code and says when it happens", () => {
  for (const [code, { exit, about }] of Object.entries(coreErrors)) {
    expect(code).toMatch(/^ERR_[A-Z_]+$/);
    expect(EXIT[exit]).toBeTypeOf("number");
    expect(about.length).toBeGreaterThan(20);
  }
});
