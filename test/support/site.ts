import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { RunResult } from "@deployer/core";
import { test as base } from "vitest";
import { type Footprint, footprintOf } from "./footprint.ts";
import { createPm2Home, type Pm2Home } from "./pm2-home.ts";
import { type FoundProcess, killAll, strayProcesses } from "./processes.ts";
import { createRepository, type Repository } from "./repository.ts";
import { type Ended, type Running, startProgram } from "./run-program.ts";
import { sitePrefix } from "./temp-folders.ts";

export interface Answer<Json = RunResult> extends Ended {
  /** What `--json` printed. @throws when that is no JSON */
  readonly json: Json;
}

interface CallOptions {
  /** Beside the site's environment, or in place of a part of it. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Another installation's command. */
  readonly command?: string;
}

interface RunningDeployer extends Omit<Running, "ended"> {
  readonly ended: Promise<Answer>;
}

/** A machine in a folder: a git remote, a root to deploy to, a PM2 of its own, and the built command. */
export interface Site extends Repository {
  readonly folder: string;
  readonly root: string;
  readonly env: Readonly<Record<string, string>>;
  readonly pm2: Pm2Home;
  /** A path below the site's folder. */
  at(...parts: string[]): string;
  /** Writes deployer.config.json: the app "shop", this remote, whatever else is given. */
  configure(options?: object): Promise<void>;
  /** Writes a file of the root, its folders included. */
  put(path: string, text: string, mode?: number): Promise<string>;
  read(path: string): Promise<string>;
  deployer<Json = RunResult>(args: readonly string[], options?: CallOptions): Promise<Answer<Json>>;
  startDeployer(args: readonly string[], options?: CallOptions): RunningDeployer;
  footprint(): Promise<Footprint>;
  /** Processes that have to do with this site and do not end by themselves. */
  strays(): Promise<FoundProcess[]>;
}

const COMMAND = fileURLToPath(new URL("../../packages/cli/bin/deployer.js", import.meta.url));

/** A test with a site of its own. Whatever happens in it, nothing of the site outlives it; what would have is told. */
export const test = base.extend<{ site: Site }>({
  // biome-ignore lint/correctness/noEmptyPattern: vitest reads the fixture's needs from the pattern
  site: async ({}, use) => {
    const site = await createSite();
    try {
      await use(site);
    } finally {
      await dispose(site);
    }
  },
});

async function createSite(): Promise<Site> {
  const folder = await mkdtemp(sitePrefix());
  const root = join(folder, "root");
  const env = environmentOf(folder);
  for (const name of ["root", "home", "tmp"]) await mkdir(join(folder, name));
  await writeFile(join(folder, "home/.npmrc"), "update-notifier=false\naudit=false\nfund=false\n");
  const repository = await createRepository(folder, env);
  const pm2 = await createPm2Home(join(folder, "pm2"), env);
  const started = new Set<Running>();

  const startDeployer = (args: readonly string[], options: CallOptions = {}): RunningDeployer => {
    const running = startProgram(process.execPath, [options.command ?? COMMAND, ...args], {
      cwd: options.cwd ?? root,
      env: { ...env, ...options.env },
    });
    started.add(running);
    return {
      ...running,
      ended: running.ended.then((ended) => {
        started.delete(running);
        return withJson(ended);
      }),
    };
  };

  const site: Site & { readonly started: ReadonlySet<Running> } = {
    ...repository,
    folder,
    root,
    env,
    pm2,
    started,
    at: (...parts) => join(folder, ...parts),
    configure: async (options = {}) => {
      const config = { app: "shop", plugins: [["@deployer/plugin-git", { remote: repository.remote }]], ...options };
      await writeFile(join(root, "deployer.config.json"), JSON.stringify(config, null, 2));
    },
    async put(path, text, mode) {
      const file = join(root, path);
      await mkdir(join(file, ".."), { recursive: true });
      await writeFile(file, text);
      if (mode !== undefined) await chmod(file, mode);
      return file;
    },
    read: (path) => readFile(join(root, path), "utf8"),
    deployer: async <Json>(args: readonly string[], options?: CallOptions) =>
      (await startDeployer(args, options).ended) as unknown as Answer<Json>,
    startDeployer,
    footprint: () => footprintOf(root),
    strays: () => strayProcesses(folder),
  };
  return site;
}

/** What a shell of a person would have, and nothing of the machine that runs the tests. */
function environmentOf(folder: string): Record<string, string> {
  return {
    PATH: process.env.PATH ?? "",
    HOME: join(folder, "home"),
    TMPDIR: join(folder, "tmp"),
    PM2_HOME: join(folder, "pm2"),
    LANG: "C.UTF-8",
    GIT_AUTHOR_NAME: "Ada",
    GIT_AUTHOR_EMAIL: "ada@example.org",
    GIT_COMMITTER_NAME: "Ada",
    GIT_COMMITTER_EMAIL: "ada@example.org",
    GIT_CONFIG_NOSYSTEM: "1",
  };
}

function withJson(ended: Ended): Answer {
  return {
    ...ended,
    get json() {
      try {
        return JSON.parse(ended.stdout) as RunResult;
      } catch {
        throw new Error(`no JSON, exit ${ended.exitCode}:\n${ended.stdout}\n${ended.stderr}`);
      }
    },
  };
}

async function dispose(site: Site): Promise<void> {
  // Left running by a test that failed; one that passed has waited for them.
  const { started } = site as Site & { readonly started: ReadonlySet<Running> };
  for (const running of started) running.kill("SIGKILL");
  try {
    await site.pm2.end();
    const strays = started.size > 0 ? [] : await site.strays();
    const temporary = await readdir(site.at("tmp"));
    if (strays.length > 0 || temporary.length > 0) {
      throw new Error(
        [
          ...strays.map(({ pid, command }) => `still running: ${pid} ${command}`),
          ...temporary.map((name) => `left in TMPDIR: ${name}`),
        ].join("\n"),
      );
    }
  } finally {
    await killAll(site.folder);
    await rm(site.folder, { recursive: true, force: true });
  }
}
