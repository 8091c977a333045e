import { type ChildProcess, spawn } from "node:child_process";

export interface Ended {
  /** `null` when it was ended by a signal. */
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Running {
  readonly pid: number;
  readonly ended: Promise<Ended>;
  kill(signal: NodeJS.Signals): void;
}

export interface ProgramOptions {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
}

/** Starts a program with exactly this environment. `ended` never rejects for how it ended. */
export function startProgram(file: string, args: readonly string[], options: ProgramOptions): Running {
  const child: ChildProcess = spawn(file, args, { ...options, stdio: ["ignore", "pipe", "pipe"] });
  let stdout = "";
  let stderr = "";
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  const ended = new Promise<Ended>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (exitCode, signal) => resolve({ exitCode, signal, stdout, stderr }));
  });
  return { pid: child.pid ?? 0, ended, kill: (signal) => void child.kill(signal) };
}

/** Runs a program that must succeed, and answers what it printed. */
export async function mustRun(file: string, args: readonly string[], options: ProgramOptions): Promise<string> {
  const { exitCode, stdout, stderr } = await startProgram(file, args, options).ended;
  if (exitCode === 0) return stdout;
  throw new Error(`${file} ${args.join(" ")} ended with ${exitCode}:\n${stdout}${stderr}`);
}
