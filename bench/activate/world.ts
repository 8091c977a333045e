import { execFile } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const repository = join(import.meta.dirname, "../..");
const pm2Program = join(repository, "node_modules/pm2/bin/pm2");

/** Files of an app by path. */
export type Files = Readonly<Record<string, string>>;

const worlds = new Set<World>();

/** Removes every world that is still there: a bench ends all that it started, also when it fails. */
export async function removeWorlds(): Promise<void> {
  for (const world of [...worlds]) await world.remove();
}

/** A folder with a PM2 of its own and a port. Whatever happens, `remove` ends all that was started in it. */
export class World {
  readonly folder: string;
  readonly port: number;
  readonly env: Readonly<Record<string, string>>;

  private constructor(folder: string, port: number) {
    this.folder = folder;
    this.port = port;
    this.env = {
      PATH: process.env.PATH ?? "",
      HOME: join(folder, "home"),
      TMPDIR: join(folder, "tmp"),
      PM2_HOME: join(folder, "pm2"),
      LANG: "C.UTF-8",
      GIT_CONFIG_NOSYSTEM: "1",
    };
  }

  static async create(): Promise<World> {
    // Short: the sockets of PM2 and of the workers lie below it, and their paths are limited to 107 bytes.
    const world = new World(realpathSync(mkdtempSync(join(tmpdir(), "dp-b-"))), await freePort());
    for (const name of ["home", "tmp", "pm2", "root"]) mkdirSync(join(world.folder, name), { mode: 0o700 });
    worlds.add(world);
    return world;
  }

  get root(): string {
    return join(this.folder, "root");
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Runs a program of this world; answers what it printed, however it ended. */
  async run(
    file: string,
    args: readonly string[],
    cwd = this.folder,
  ): Promise<{ exitCode: number; stdout: string; text: string }> {
    try {
      const { stdout, stderr } = await run(file, args, { cwd, env: this.env, maxBuffer: 1 << 26 });
      return { exitCode: 0, stdout, text: stdout + stderr };
    } catch (error) {
      const { code, stdout = "", stderr = "" } = error as { code?: unknown; stdout?: string; stderr?: string };
      return { exitCode: typeof code === "number" ? code : 1, stdout, text: `${stdout}${stderr}` || String(error) };
    }
  }

  /** Runs a program that must succeed. */
  async must(file: string, args: readonly string[], cwd = this.folder): Promise<string> {
    const { exitCode, stdout, text } = await this.run(file, args, cwd);
    if (exitCode !== 0) throw new Error(`${file} ${args.join(" ")} ended with ${exitCode}:\n${text}`);
    return stdout;
  }

  pm2(...args: string[]): Promise<{ exitCode: number; stdout: string; text: string }> {
    return this.run(process.execPath, [pm2Program, ...args], "/");
  }

  /** The revision that the site answers with, or `undefined`. */
  async revision(): Promise<string | undefined> {
    try {
      const response = await fetch(`${this.url}/api/health`, {
        headers: { connection: "close" },
        signal: AbortSignal.timeout(8_000),
      });
      return response.ok ? ((await response.json()) as { revision?: string }).revision : undefined;
    } catch {
      return undefined;
    }
  }

  /** Waits until every answer for a second is of this revision. @throws when that is not so within a minute */
  async serves(revision: string): Promise<void> {
    const deadline = performance.now() + 60_000;
    for (let good = 0; good < 5; ) {
      const found = await this.revision();
      good = found === revision ? good + 1 : 0;
      if (performance.now() > deadline) throw new Error(`${this.url} serves ${found}, not ${revision}`);
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }

  /** Ends every process of this world, PM2 first, and removes the folder. */
  async remove(): Promise<void> {
    if (existsSync(join(this.folder, "pm2/pm2.pid"))) await this.pm2("kill", "--silent");
    for (const pid of this.#processes()) {
      try {
        process.kill(pid, "SIGKILL");
      } catch {
        // It is gone.
      }
    }
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
    worlds.delete(this);
  }

  #processes(): number[] {
    const names = (pid: number): boolean =>
      ["environ", "cmdline"].some((file) => readText(`/proc/${pid}/${file}`).includes(this.folder));
    const pids = readdirSync("/proc")
      .filter((name) => /^\d+$/.test(name))
      .map(Number);
    return pids.filter((pid) => pid !== process.pid && names(pid));
  }
}

export function write(folder: string, files: Files): void {
  for (const [path, text] of Object.entries(files)) {
    const file = join(folder, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
}

function readText(file: string): string {
  try {
    return readFileSync(file, "latin1");
  } catch {
    return "";
  }
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
