import { type Load, type LoadReport, startLoad } from "@deployer/core/testing";
import { expect, it } from "vitest";
import { type Pm2Options, type Settings, settingsOf } from "../options.ts";
import { Machine } from "./machine.ts";

const RATE = 200;

/** For what takes long and stands beside a quicker one of its kind: only `npm run test:full` runs it. */
export const slowIt: typeof it.skip = it.runIf(process.env.MODE === "full");

/** Options with waits that are only as long as a test needs. */
export function quickSettings(options: Partial<Pm2Options> = {}): Settings {
  return settingsOf({
    ecosystem: "ecosystem.config.cjs",
    health: { path: "/health", json: "revision" },
    soakMs: 500,
    healthTimeoutMs: 20_000,
    drainTimeoutMs: 5_000,
    ...options,
  });
}

/** A machine with visitors. */
export class Stage {
  readonly machine: Machine;
  #load: Load | undefined;

  private constructor(machine: Machine) {
    this.machine = machine;
  }

  static async make(): Promise<Stage> {
    return new Stage(await Machine.make());
  }

  async close(): Promise<void> {
    await this.#load?.stop();
    await this.machine.close();
  }

  visitors(): void {
    this.#load = startLoad({
      url: this.machine.url,
      ratePerSecond: RATE,
      revisionOf: (_, headers) => headers["x-revision"] as string,
    });
  }

  async leave(): Promise<LoadReport> {
    const report = await (this.#load as Load).stop();
    this.#load = undefined;
    console.log(
      expect.getState().currentTestName,
      JSON.stringify({ ...report, byRevision: Object.keys(report.byRevision).length }),
    );
    return report;
  }

  async answer(): Promise<{ revision: string; flag: string | null; args: string[]; pid: number }> {
    const response = await fetch(this.machine.url, { headers: { connection: "close" } });
    return (await response.json()) as never;
  }

  /** Every worker's name, status and the folder it works in. */
  async workers(): Promise<{ name: string; status: string; cwd: string | undefined }[]> {
    const { processes } = this.machine.context();
    const list = await this.machine.manager.list();
    return Promise.all(
      list.map(async ({ name, status, pid }) => ({ name, status, cwd: await processes.workingDirectory(pid) })),
    );
  }

  /** Workers that PM2's daemon has and does not list. */
  async unlisted(): Promise<number[]> {
    const listed = (await this.machine.manager.list()).map(({ pid }) => pid);
    const children = await this.machine.context().processes.children((await this.machine.manager.daemonPid()) ?? 0);
    return children.filter((pid) => !listed.includes(pid));
  }
}
