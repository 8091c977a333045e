import { cleanEnvironment } from "../config/environment.ts";
import { RUN_VARIABLE } from "../lifecycle/run-mark.ts";
import type { AppConfig, CanUndo, Context, PluginState } from "../plugin/contexts.ts";
import { nodeFileSystem } from "../ports/node-file-system.ts";
import { nodeProcessRunner } from "../ports/node-process-runner.ts";
import { procProcessTable } from "../ports/proc-process-table.ts";
import { systemClock } from "../ports/system-clock.ts";
import { layout } from "../release/layout.ts";

export interface TestContext extends Context, CanUndo {
  readonly infos: readonly string[];
  readonly warnings: readonly string[];
  /** Lines of commands' output. */
  readonly outputs: readonly string[];
  /** Labels and actions that a handler gave to `undo` and did not drop. */
  readonly undos: readonly { readonly label: string; readonly action: Parameters<CanUndo["undo"]>[1] }[];
}

/**
 * What a handler receives, for the tests of one plugin: real ports and state in memory, on a root of your own. Add what
 * the stage has beside it: `{ ...testContext(root), release, previous: undefined }`.
 */
export function testContext(
  root: string,
  config: Partial<AppConfig> = {},
  ports: Partial<Pick<Context, "clock" | "fs" | "runner" | "processes" | "signal" | "env">> = {},
): TestContext {
  const infos: string[] = [];
  const warnings: string[] = [];
  const outputs: string[] = [];
  const undos: TestContext["undos"][number][] = [];
  const clock = ports.clock ?? systemClock;
  const signal = ports.signal ?? new AbortController().signal;
  const run = { id: `test-${process.pid}`, kind: "deploy" } as const;
  return {
    config: {
      app: "shop",
      environment: null,
      root,
      directory: ".",
      shared: [],
      keepReleases: 5,
      keepFailed: 0,
      copies: { maxBytes: 2 ** 30 },
      ...config,
    },
    paths: layout(root),
    run,
    fs: nodeFileSystem,
    runner: nodeProcessRunner,
    processes: procProcessTable,
    env: { ...cleanEnvironment(process.env, []), [RUN_VARIABLE]: run.id },
    ...ports,
    clock,
    signal,
    redact: (text) => text,
    node: { path: process.execPath, reason: "it runs the test" },
    state: memoryState(),
    info: (text) => void infos.push(text),
    warn: (text) => void warnings.push(text),
    output: (line) => void outputs.push(line),
    wait: (ms) => clock.sleep(ms, signal),
    undo(label, action) {
      const entry = { label, action };
      undos.push(entry);
      return {
        drop: () => {
          if (undos.includes(entry)) undos.splice(undos.indexOf(entry), 1);
        },
      };
    },
    infos,
    warnings,
    outputs,
    undos,
  };
}

function memoryState(): PluginState {
  const values = new Map<string, string>();
  return {
    get<T>(key: string, release = ""): T | undefined {
      const text = values.get(`${release}/${key}`);
      return text === undefined ? undefined : (JSON.parse(text) as T);
    },
    set: (key, value, release = "") => void values.set(`${release}/${key}`, JSON.stringify(value)),
  };
}
