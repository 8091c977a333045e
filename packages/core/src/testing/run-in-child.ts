import { spawn } from "node:child_process";
import { once } from "node:events";
import { appendFileSync, existsSync, readlinkSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { DeployError, EXIT } from "../errors/deploy-error.ts";
import type { RunResult } from "../lifecycle/result.ts";
import type { Context } from "../plugin/contexts.ts";
import { definePlugin, type PluginFactory } from "../plugin/define-plugin.ts";
import { deployerWith } from "./deployer-with.ts";
import { type MemoryRemote, memoryRemote } from "./memory-remote.ts";

export type Place =
  | "prepare"
  | "link"
  | "build"
  | "gate"
  | "migrate"
  | "before switch"
  | "after switch"
  | "cleanup"
  | "command";
type Word = "check" | "rollback" | "command";

export interface WorkOptions {
  /** Where the process kills itself. */
  readonly dieIn?: Place;
  /** The build waits until `<root>/go` is there. */
  readonly waits?: boolean;
  /** What it migrates is one-way. */
  readonly oneWay?: boolean;
  /** A release that takes over from a dead run cannot be activated: it is bad, or the machine is unfit. */
  readonly takeOverFails?: "bad" | "unfit";
  /** What its command was to change is changed. */
  readonly completes?: boolean;
  /** Settling a dead run fails. */
  readonly recoverFails?: boolean;
}

/** What the plugin was told when a dead run was settled; a line of JSON each in `<root>/recovered`. */
export interface ToldOfDeath {
  readonly stage: string | null;
  readonly direction: string;
  readonly accepted: boolean;
  readonly release: string | null;
  readonly previous: string | null;
  /** Where `current` pointed meanwhile. */
  readonly current: string | null;
  readonly dieIn: Place | null;
}

/** Dies where it is told to, and leaves a process running. */
export const work: PluginFactory<WorkOptions> = definePlugin<WorkOptions>((options) => {
  const at =
    (place: Place) =>
    async ({ paths, env, runner, run }: Context): Promise<void> => {
      if (options.dieIn !== place || run.kind === "recover") return;
      const args = ["-c", "setsid sleep 300 >/dev/null 2>&1 & echo $!"];
      const { stdout } = await runner.run({ file: "sh", args, cwd: paths.root, env });
      writeFileSync(join(paths.root, "left-running"), stdout);
      process.kill(process.pid, "SIGKILL");
      await delay(60_000); // the signal comes
    };
  return {
    name: "work",
    prepare: at("prepare"),
    async link(paths, context) {
      await at("link")(context);
      return paths;
    },
    async build(context) {
      await at("build")(context);
      while (options.waits && !existsSync(join(context.paths.root, "go"))) await delay(10);
    },
    gate: at("gate"),
    migrate: at("migrate"),
    activate: [
      { order: "pre", handler: at("before switch") },
      { order: "post", handler: at("after switch") },
      {
        order: "post",
        async handler({ run }) {
          if (run.kind !== "recover" || options.takeOverFails === undefined) return;
          const exitCode = options.takeOverFails === "bad" ? EXIT.undone : EXIT.unfit;
          throw new DeployError({ code: "ERR_TEST", exitCode, message: "It does not start.", hint: "Mend it." });
        },
      },
    ],
    cleanup: at("cleanup"),
    commands: {
      go: { summary: "Dies.", changes: true, run: at("command") },
    },
    async rollForward({ interrupted, oneWay, completed }) {
      if (options.completes) completed();
      if (options.oneWay && (interrupted.stage === "migrate" || interrupted.stage === "activate"))
        oneWay("core: 0001_drop is committed.", "Or: `deployer db undo`.");
    },
    async recover({ interrupted, direction, paths }) {
      if (options.recoverFails) throw new Error("the daemon does not answer");
      const told: ToldOfDeath = {
        stage: interrupted.stage,
        direction,
        accepted: interrupted.accepted,
        release: interrupted.release?.id ?? null,
        previous: interrupted.previous?.id ?? null,
        current: existsSync(paths.current) ? basename(readlinkSync(paths.current)) : null,
        dieIn: options.dieIn ?? null,
      };
      appendFileSync(join(paths.root, "recovered"), `${JSON.stringify(told)}\n`);
    },
  };
});

/** The same commits in every process. */
export function remoteWith(commits: number): MemoryRemote {
  const remote = memoryRemote();
  for (let n = 2; n <= commits; n += 1) remote.push({ n: String(n) });
  return remote;
}

/** Killed when its block ends, if it is still there. */
export interface Child extends Disposable {
  /** How it ended, and the result if it lived to tell. */
  readonly ended: Promise<{ readonly signal: string | null; readonly result: RunResult | undefined }>;
}

/** Runs a deployer on this root in another process. */
export function runInChild(root: string, commits: number, word: Word, options: WorkOptions): Child {
  const script = fileURLToPath(new URL("./run-child.ts", import.meta.url));
  const child = spawn(process.execPath, [script, root, String(commits), word, JSON.stringify(options)], {
    stdio: ["ignore", "pipe", "inherit"],
    env: { PATH: process.env.PATH },
  });
  let text = "";
  child.stdout.on("data", (chunk) => {
    text += String(chunk);
  });
  const ended = once(child, "close").then(([, signal]) => ({
    signal: signal as string | null,
    result: text === "" ? undefined : (JSON.parse(text) as RunResult),
  }));
  return { ended, [Symbol.dispose]: () => void child.kill("SIGKILL") };
}

/** What the child does. */
export async function runChild(root: string, commits: number, word: Word, options: WorkOptions): Promise<void> {
  const app = await deployerWith({ root, remote: remoteWith(commits), plugins: [work(options)] });
  const [command] = app.deployer.commands();
  const result = word === "command" ? app.deployer.change(command!, { args: {}, flags: {} }) : app.deployer[word]();
  console.log(JSON.stringify(await result));
}
