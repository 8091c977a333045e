import { constants } from "node:fs";
import { access, realpath } from "node:fs/promises";
import { createRequire } from "node:module";
import { homedir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import type { Context } from "@deployer/core";
import { pm2Error } from "./errors.ts";
import { type Pm2Installation, rpcSocket } from "./pm2-process-manager.ts";
import { call, NoDaemon } from "./rpc.ts";

/** A running daemon. */
export interface Daemon {
  readonly version: string;
  readonly nodePath: string;
  readonly nodeVersion: string;
  /** Folder of the pm2 package that it runs from. */
  readonly package: string;
}

export function pm2Home(context: Context): string {
  return process.env.PM2_HOME ?? join(context.env.HOME ?? homedir(), ".pm2");
}

/** The daemon of a PM2 home, or `undefined` when none runs. */
export async function runningDaemon(home: string): Promise<Daemon | undefined> {
  try {
    const report = (await call(rpcSocket(home), "getReport", {})) as {
      argv: string[];
      pm2_version: string;
      node_version: string;
    };
    const [nodePath = process.execPath, script = ""] = report.argv;
    return {
      version: report.pm2_version,
      nodePath,
      nodeVersion: report.node_version,
      package: dirname(dirname(script)),
    };
  } catch (error) {
    if (error instanceof NoDaemon) return undefined;
    throw error;
  }
}

/** Which PM2 is asked: the one of the option, the running daemon's, the one beside this plugin, the one on PATH. */
export async function findPm2(
  context: Context,
  path: string | undefined,
  daemon: Daemon | undefined,
): Promise<Pm2Installation> {
  const home = pm2Home(context);
  const found =
    path === undefined ? (daemon?.package ?? besidePlugin() ?? (await onPath(context))) : await packageOf(path);
  if (found !== undefined && (await isThere(join(found, "package.json")))) return { home, package: found };
  throw pm2Error("ERR_PM2_MISSING", {
    message: path === undefined ? "PM2 was not found." : `There is no PM2 at ${path}.`,
    hint:
      path === undefined
        ? "Install it for all projects: npm install -g pm2"
        : "Correct `path` of pm2() in the config, or leave it out.",
  });
}

function besidePlugin(): string | undefined {
  try {
    return dirname(createRequire(import.meta.url).resolve("pm2/package.json"));
  } catch {
    return undefined;
  }
}

async function onPath(context: Context): Promise<string | undefined> {
  for (const folder of (context.env.PATH ?? "").split(delimiter)) {
    const program = join(folder, "pm2");
    if (folder !== "" && (await isThere(program))) return packageOf(program);
  }
  return undefined;
}

/** The package's folder, from the folder itself or from its program, which is a link to `<package>/bin/pm2`. */
async function packageOf(path: string): Promise<string | undefined> {
  if (await isThere(join(path, "package.json"))) return path;
  const real = await realpath(path).catch(() => undefined);
  return real === undefined ? undefined : dirname(dirname(real));
}

function isThere(path: string): Promise<boolean> {
  return access(path, constants.R_OK).then(
    () => true,
    () => false,
  );
}
