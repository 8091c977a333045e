import { describe, expect, it } from "vitest";
import { nodeProcessRunner } from "../ports/node-process-runner.ts";
import { commandProbe } from "./command-probe.ts";
import type { CommandCheck, ProbeAnswer } from "./health-check.ts";

function ask(command: CommandCheck["command"], timeoutMs?: number): Promise<ProbeAnswer> {
  return commandProbe({
    runner: nodeProcessRunner,
    check: { command, ...(timeoutMs === undefined ? {} : { timeoutMs }) },
    cwd: "/",
    env: { PATH: process.env.PATH ?? "", WORD: "secret" },
    redact: (text) => text.replace("secret", "[redacted]"),
  })();
}

describe("command probe", () => {
  it("is healthy when the program exits with 0", async () => {
    expect(await ask(["sh", "-c", "pwd"])).toMatchObject({
      healthy: true,
      body: expect.stringMatching(/^\/$/m),
      error: null,
    });
  });

  it("says how else the program ended, with its last line, redacted", async () => {
    const { healthy, error } = await ask(["sh", "-c", "echo queue of $WORD stands; exit 3"]);
    expect({ healthy, error }).toEqual({
      healthy: false,
      error: "its check sh ended with exit code 3: queue of [redacted] stands",
    });
    expect(await ask(["no-such-program"])).toMatchObject({ error: "its check no-such-program was not found" });
    expect(await ask(["sleep", "60"], 100)).toMatchObject({ error: "its check sleep was not done within 100 ms" });
  });
});
