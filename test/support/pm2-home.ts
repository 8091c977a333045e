import { existsSync } from "node:fs";
import { mkdir, readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { mustRun } from "./run-program.ts";
import { until } from "./until.ts";

/** One worker as `pm2 jlist` shows it. */
interface ListedWorker {
  readonly name: string;
  readonly pid: number;
  readonly pm_id: number;
  readonly pm2_env: { readonly status: string; readonly restart_time: number };
}

/** A PM2 of a site's own: its daemon lives in a folder that nobody else uses. */
export interface Pm2Home {
  readonly path: string;
  /** The daemon's pid, or `undefined` when none runs. */
  daemon(): Promise<number | undefined>;
  list(): Promise<ListedWorker[]>;
  /** What a person does at the command line of PM2. */
  run(...args: string[]): Promise<string>;
  /** Ends the daemon and its apps, when there are any. */
  end(): Promise<void>;
}

const program = createRequire(import.meta.url).resolve("pm2/bin/pm2");

export async function createPm2Home(path: string, env: Readonly<Record<string, string>>): Promise<Pm2Home> {
  await mkdir(path, { mode: 0o700 });
  const pm2 = (...args: string[]): Promise<string> => mustRun(process.execPath, [program, ...args], { cwd: "/", env });
  const daemon = async (): Promise<number | undefined> => {
    const pid = Number(await readFile(join(path, "pm2.pid"), "utf8").catch(() => ""));
    return pid > 0 && existsSync(`/proc/${pid}`) ? pid : undefined;
  };
  return {
    path,
    daemon,
    run: pm2,
    async list() {
      if ((await daemon()) === undefined) return [];
      const output = await pm2("jlist", "--silent");
      return JSON.parse(output.slice(output.indexOf("["))) as ListedWorker[];
    },
    async end() {
      if ((await daemon()) === undefined) return;
      await pm2("kill");
      await until("PM2's daemon has ended", async () => (await daemon()) === undefined, 20_000);
    },
  };
}
