import type { Context } from "@deployer/core";

/** How a child process answered, or why it did not. */
export type ChildAnswer<T> =
  | { readonly answer: readonly T[] }
  | { readonly answer?: undefined; readonly ended: string; readonly exitCode: number | null; readonly tail: string };

/** Runs a script of this package in a process of its own: JSON in, one line of JSON, a list, out. */
export async function askChild<T>(
  script: string,
  input: unknown,
  cwd: string,
  { runner, env, signal, redact }: Pick<Context, "runner" | "env" | "signal" | "redact">,
): Promise<ChildAnswer<T>> {
  let answer = "";
  const child = await runner.run({
    ...{ file: process.execPath, args: [script], cwd, env, signal },
    input: JSON.stringify(input),
    // One line of JSON; Node's own warnings may come before and after it.
    onLine: (line) => {
      if (line.startsWith("[{")) answer = line;
    },
  });
  signal.throwIfAborted();
  if (child.ok && answer !== "") return { answer: JSON.parse(answer) as T[] };
  const ended = child.exitSignal ?? `exit code ${child.exitCode}`;
  return { ended, exitCode: child.exitCode, tail: redact(child.tail.join("\n")) };
}
