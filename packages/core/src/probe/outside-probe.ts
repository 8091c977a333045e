import { dirname } from "node:path";
import type { Context } from "../plugin/contexts.ts";
import { commandProbe } from "./command-probe.ts";
import type { OutsideCheck, Probe } from "./health-check.ts";
import { tcpProbe } from "./tcp-probe.ts";

/** Asks a process in the way that a check of a port or by a command says. */
export function outsideProbe(options: {
  readonly context: Context;
  readonly check: OutsideCheck;
  /** Who connects; the check's port unless given. */
  readonly tcp?: Probe;
  readonly pid: number;
  readonly cwd: string;
  /** The app's own environment. */
  readonly env: Readonly<Record<string, string>>;
}): Probe {
  const { context, check } = options;
  if ("tcp" in check) return options.tcp ?? tcpProbe({ ...check, port: check.tcp });
  return commandProbe({
    runner: context.runner,
    check,
    cwd: options.cwd,
    env: {
      ...context.env,
      ...options.env,
      PATH: context.env.PATH ?? dirname(context.node.path),
      DEPLOYER_PID: String(options.pid),
    },
    redact: context.redact,
  });
}
