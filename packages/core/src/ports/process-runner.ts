/** A program to run. Never a shell string: who wants a shell names it as the file. */
export interface Command {
  readonly file: string;
  readonly args?: readonly string[];
  readonly cwd: string;
  /** The whole environment of the child; nothing is inherited. */
  readonly env: Readonly<Record<string, string>>;
  readonly input?: string;
  /** Past it the process group gets SIGTERM, 5 seconds later SIGKILL. */
  readonly timeoutMs?: number;
  /** Aborting it ends the process group in the same way. */
  readonly signal?: AbortSignal;
  /** Each line of output as it comes, stdout and stderr mixed. */
  readonly onLine?: (line: string) => void;
}

export interface CommandResult {
  /** `null` when it was ended by a signal or never started. */
  readonly exitCode: number | null;
  readonly exitSignal: string | null;
  readonly stdout: string;
  readonly stderr: string;
  /** The last 20 lines of both, as they came. */
  readonly tail: readonly string[];
  readonly milliseconds: number;
  readonly timedOut: boolean;
  readonly aborted: boolean;
  /** The program was not found. */
  readonly missing: boolean;
  /** Exit code 0, in time, not aborted. */
  readonly ok: boolean;
}

export interface RunningProcess {
  readonly pid: number | undefined;
  /** Never rejects. */
  readonly exited: Promise<CommandResult>;
  tail(): readonly string[];
  /** Ends its whole process group: SIGTERM, SIGKILL after `graceMs` (5,000 by default). Resolves when it is gone. */
  end(graceMs?: number): Promise<CommandResult>;
}

/** Starts programs, each in a process group of its own. */
export interface ProcessRunner {
  /** Runs to its end. Never rejects: read `ok`. */
  run(command: Command): Promise<CommandResult>;
  start(command: Command): RunningProcess;
}
