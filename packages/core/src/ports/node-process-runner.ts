import { execa } from "execa";
import { cutLine, OutputLines } from "./output-lines.ts";
import type { Command, CommandResult, ProcessRunner, RunningProcess } from "./process-runner.ts";

const TAIL_LINES = 20;
const GRACE_MS = 5_000;
/** How long after its end a program's output may still come. */
const LINGER_MS = 2_000;
/** Of one line, and of each stream twice that at most; older lines give way. */
const KEPT_CHARACTERS = 8_000_000;

/** Programs started by execa, each as the leader of a process group, so that ending one ends what it started too. */
export const nodeProcessRunner: ProcessRunner = {
  run: (command) => start(command).exited,
  start,
};

function start(command: Command): RunningProcess {
  const began = performance.now();
  const lines: string[] = [];
  const child = execa(command.file, command.args ?? [], {
    cwd: command.cwd,
    env: command.env,
    extendEnv: false,
    ...(command.input === undefined ? { stdin: "ignore" as const } : { input: command.input }),
    detached: true,
    cleanup: false,
    reject: false,
    // Read below: execa would end a program whose output outgrows its buffer, and hold a line without end whole.
    buffer: false,
  });

  let timedOut = false;
  let aborted = false;
  let closed = false;

  const collect = async (from: "stdout" | "stderr"): Promise<string> => {
    const kept: string[] = [];
    let size = 0;
    const output = new OutputLines(KEPT_CHARACTERS, (line) => {
      lines.push(cutLine(line));
      if (lines.length > TAIL_LINES) lines.shift();
      command.onLine?.(line);
      kept.push(line);
      size += line.length;
      if (size > 2 * KEPT_CHARACTERS) size -= dropOldest(kept, size - KEPT_CHARACTERS);
    });
    try {
      for await (const chunk of child.nodeChildProcess[from] ?? []) output.add(chunk as Buffer);
    } catch {
      // The stream breaks when the child is killed; what it said until then is kept.
    }
    output.end();
    return kept.join("\n");
  };
  const reading = Promise.all([collect("stdout"), collect("stderr")]);

  // What a program leaves running may hold its output open for ever.
  let lingering: NodeJS.Timeout | undefined;
  child.nodeChildProcess.once("exit", () => {
    lingering = setTimeout(() => {
      signalGroup(child.pid, "SIGKILL");
      child.stdout?.destroy();
      child.stderr?.destroy();
    }, LINGER_MS);
  });

  const end = async (graceMs: number = GRACE_MS): Promise<CommandResult> => {
    signalGroup(child.pid, "SIGTERM");
    const force = setTimeout(() => signalGroup(child.pid, "SIGKILL"), graceMs);
    const result = await exited;
    clearTimeout(force);
    // What outlived the leader in its group goes with it.
    signalGroup(child.pid, "SIGKILL");
    return result;
  };

  const limit =
    command.timeoutMs === undefined
      ? undefined
      : setTimeout(() => {
          timedOut = true;
          void end();
        }, command.timeoutMs);
  const onAbort = (): void => {
    aborted = true;
    void end();
  };
  if (command.signal?.aborted) queueMicrotask(onAbort);
  else command.signal?.addEventListener("abort", onAbort, { once: true });

  const exited: Promise<CommandResult> = (async () => {
    const result = await child;
    closed = true;
    const [stdout, stderr] = await reading;
    clearTimeout(limit);
    clearTimeout(lingering);
    command.signal?.removeEventListener("abort", onAbort);
    const missing = result.failed && "code" in result && result.code === "ENOENT";
    return {
      exitCode: result.exitCode ?? null,
      exitSignal: result.signal ?? null,
      stdout,
      stderr,
      tail: lines,
      milliseconds: Math.round(performance.now() - began),
      timedOut,
      aborted,
      missing,
      ok: result.exitCode === 0 && !timedOut && !aborted,
    };
  })();

  return {
    pid: child.pid,
    exited,
    tail: () => lines,
    end: (graceMs) => (closed ? exited : end(graceMs)),
  };
}

/** Many at once: taking them one by one from the front of a long list would take longer than the program. */
function dropOldest(lines: string[], characters: number): number {
  let dropped = 0;
  let count = 0;
  while (dropped < characters && count < lines.length) {
    dropped += lines[count]?.length ?? 0;
    count += 1;
  }
  lines.splice(0, count);
  return dropped;
}

function signalGroup(pid: number | undefined, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch {
    // The group is gone.
  }
}
