import type { Command, CommandResult, ProcessRunner } from "../ports/process-runner.ts";

export interface ScriptedRunner extends ProcessRunner {
  /** What it was asked to run, in that order. */
  readonly commands: readonly Command[];
  /** The same as text, as "npm ci --include=dev". */
  lines(): string[];
}

export type ScriptedAnswer = Partial<CommandResult> | undefined;

/**
 * A process runner that starts nothing: the script says how each command ends. Without an answer it ends well and says
 * nothing; with an exit code other than 0, a time-out and the like it is not `ok` unless the answer says so.
 */
export function scriptedRunner(
  script: (command: Command) => ScriptedAnswer | Promise<ScriptedAnswer> = () => undefined,
): ScriptedRunner {
  const commands: Command[] = [];
  const run = async (command: Command): Promise<CommandResult> => {
    commands.push(command);
    const answer = await script(command);
    const lines = [answer?.stdout, answer?.stderr].flatMap((text) => text?.split("\n") ?? []).filter(Boolean);
    for (const line of lines) command.onLine?.(line);
    return complete(answer, lines.slice(-20));
  };
  return {
    commands,
    lines: () => commands.map(({ file, args = [] }) => [file, ...args].join(" ")),
    run,
    start(command) {
      const exited = run(command);
      return { pid: undefined, exited, tail: () => [], end: () => exited };
    },
  };
}

function complete(answer: ScriptedAnswer, tail: readonly string[]): CommandResult {
  const bad = answer?.timedOut || answer?.aborted || answer?.missing || answer?.exitSignal !== undefined;
  const exitCode = answer?.exitCode ?? (bad ? null : 0);
  return {
    exitCode,
    exitSignal: null,
    stdout: "",
    stderr: "",
    tail,
    milliseconds: 0,
    timedOut: false,
    aborted: false,
    missing: false,
    ok: exitCode === 0 && !bad,
    ...answer,
  };
}
