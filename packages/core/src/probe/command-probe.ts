import type { Redact } from "../errors/redact.ts";
import type { ProcessRunner } from "../ports/process-runner.ts";
import type { CommandCheck, Probe } from "./health-check.ts";

const TIMEOUT_MS = 5_000;

/** A probe by a program: healthy when it exits with 0. It never throws; its last line says why it did not. */
export function commandProbe(options: {
  readonly runner: ProcessRunner;
  readonly check: CommandCheck;
  readonly cwd: string;
  /** The program's whole environment. */
  readonly env: Readonly<Record<string, string>>;
  readonly redact: Redact;
}): Probe {
  const [file, ...args] = options.check.command;
  const timeoutMs = options.check.timeoutMs ?? TIMEOUT_MS;
  return async (signal) => {
    const { ok, missing, timedOut, exitCode, exitSignal, stdout, tail } = await options.runner.run({
      file,
      args,
      cwd: options.cwd,
      env: options.env,
      timeoutMs,
      ...(signal === undefined ? {} : { signal }),
    });
    const said = tail.at(-1) === undefined ? "" : `: ${options.redact(tail.at(-1) as string)}`;
    const how = missing
      ? "was not found"
      : timedOut
        ? `was not done within ${timeoutMs} ms`
        : `ended ${exitCode === null ? `by ${exitSignal}` : `with exit code ${exitCode}`}${said}`;
    return {
      healthy: ok,
      status: null,
      body: stdout.slice(0, 500),
      revision: null,
      error: ok ? null : `its check ${file} ${how}`,
    };
  };
}
