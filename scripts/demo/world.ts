import { type ChildProcess, execFile, spawn } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";

const run = promisify(execFile);
const repository = join(import.meta.dirname, "../..");
const example = join(repository, "examples/next-sqlite");

/** What npm on this machine needs to reach its registry; the deployer passes on only what its config names. */
const NPM_VARIABLES = ["npm_config_userconfig", "npm_config_globalconfig", "npm_config_cafile", "npm_config_cache"];

export interface CommandEnd {
  readonly exitCode: number | null;
  readonly text: string;
}

/** Everything the demo needs, in one temporary folder: remote, working copy, deployment root and a PM2 of its own. */
export class World {
  readonly folder: string;
  readonly root: string;
  readonly app: string;
  readonly port: number;
  readonly #environment: Record<string, string | undefined>;

  private constructor(folder: string, port: number) {
    this.folder = folder;
    this.root = join(folder, "srv");
    this.app = join(folder, "app");
    this.port = port;
    this.#environment = {
      ...process.env,
      PM2_HOME: join(folder, "pm2"),
      TMPDIR: join(folder, "tmp"),
      GIT_CONFIG_GLOBAL: "/dev/null",
    };
  }

  static async create(): Promise<World> {
    // Short: the sockets of PM2 and of the workers lie below it, and their paths are limited to 107 bytes.
    const world = new World(mkdtempSync(join(tmpdir(), "dp-")), await freePort());
    for (const name of ["pm2", "tmp", "srv/shared"])
      mkdirSync(join(world.folder, name), { recursive: true, mode: 0o700 });
    cpSync(example, world.app, {
      recursive: true,
      filter: (path) => !["node_modules", ".next", "data", ".env"].includes(basename(path)),
    });
    await run("git", ["init", "--quiet", "--bare", world.remote]);
    await world.git("init", "--quiet", "--initial-branch=main");
    await world.git("remote", "add", "origin", world.remote);
    writeFileSync(join(world.root, "shared/.env"), `PORT=${world.port}\n`, { mode: 0o600 });
    writeFileSync(world.config, configText(world.remote));
    return world;
  }

  get remote(): string {
    return join(this.folder, "shop.git");
  }

  get config(): string {
    return join(this.root, "deployer.config.ts");
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** The release that `current` names, or undefined. */
  get current(): string | undefined {
    const link = join(this.root, "current");
    return existsSync(link) ? basename(readlinkSync(link)) : undefined;
  }

  /** Commits what the working copy holds and pushes it; answers the commit's hash. */
  async push(message: string): Promise<string> {
    await this.git("add", "--all");
    await this.git("commit", "--quiet", `--message=${message}`);
    return this.pushHead();
  }

  async pushHead(): Promise<string> {
    await this.git("push", "--quiet", "origin", "HEAD:main");
    return (await this.git("rev-parse", "HEAD")).trim();
  }

  async git(...args: string[]): Promise<string> {
    const identity = ["-c", "user.name=Demo", "-c", "user.email=demo@localhost"];
    const { stdout } = await run("git", ["-C", this.app, ...identity, ...args], { env: this.#environment });
    return stdout;
  }

  /** Starts the built command; each line it prints goes to `onLine` as it comes. */
  start(args: readonly string[], onLine: (line: string) => void): { child: ChildProcess; ended: Promise<CommandEnd> } {
    const bin = join(repository, "packages/cli/bin/deployer.js");
    const child = spawn(process.execPath, [bin, ...args, "--config", this.config], {
      cwd: this.folder,
      env: this.#environment,
      stdio: ["ignore", "pipe", "pipe"],
    });
    const lines: string[] = [];
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on("line", (line) => {
        lines.push(line);
        onLine(line);
      });
    }
    const ended = new Promise<CommandEnd>((resolve) => {
      child.on("close", (exitCode) => resolve({ exitCode, text: lines.join("\n") }));
    });
    return { child, ended };
  }

  /** Ends every process of this world, PM2 first, and removes the folder; answers the pids that had to be killed. */
  async remove(): Promise<number[]> {
    const pm2 = join(repository, "node_modules/pm2/bin/pm2");
    if (existsSync(join(this.folder, "pm2/pm2.pid"))) {
      await run(process.execPath, [pm2, "kill", "--silent"], { env: this.#environment, cwd: "/" }).catch(
        () => undefined,
      );
    }
    const left = this.processes();
    for (const pid of left) process.kill(pid, "SIGKILL");
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
    return left;
  }

  /** Processes that name this world's folder in their environment, arguments or working directory. */
  processes(): number[] {
    const pids = readdirSync("/proc")
      .filter((name) => /^\d+$/.test(name))
      .map(Number);
    return pids.filter(
      (pid) => pid !== process.pid && [`environ`, `cmdline`].some((file) => this.#names(`/proc/${pid}/${file}`)),
    );
  }

  /** Processes that carry the mark of a run. */
  marked(): number[] {
    return this.processes().filter((pid) => readText(`/proc/${pid}/environ`).includes("DEPLOYER_RUN="));
  }

  #names(file: string): boolean {
    return readText(file).includes(this.folder);
  }
}

function readText(file: string): string {
  try {
    return readFileSync(file, "latin1");
  } catch {
    return "";
  }
}

function configText(remote: string): string {
  return `import { defineConfig } from "@deployer/core";
import drizzle from "@deployer/plugin-drizzle";
import git from "@deployer/plugin-git";
import node from "@deployer/plugin-node";
import pm2 from "@deployer/plugin-pm2";

export default defineConfig({
  app: "shop",
  shared: [".env", "data/"],
  keepReleases: 3,
  env: ${JSON.stringify(NPM_VARIABLES)},
  plugins: [
    git({ remote: ${JSON.stringify(remote)}, ref: "main" }),
    node({ build: "build" }),
    drizzle({
      databases: {
        core: { file: "data/core.db", migrations: "drizzle/core" },
        system: { file: "data/system.db", migrations: "drizzle/system" },
        content: { file: "data/content.db", migrations: "drizzle/content" },
      },
    }),
    pm2({ ecosystem: "ecosystem.config.cjs", health: { path: "/api/health", json: "revision" } }),
  ],
});
`;
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
}
