import { mkdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { RunResult } from "@deployer/core";
import { type App, environmentOf } from "./app.ts";
import { type Files, World, write } from "./world.ts";

const command = join(import.meta.dirname, "../../packages/cli/bin/deployer.js");

export interface Chosen {
  readonly gate: boolean;
  readonly settleMs: number;
  readonly soakMs: number;
}

export interface Deployment {
  readonly result: RunResult;
  readonly milliseconds: number;
  /** Of these, the waits that were chosen: settling, drain and soak. */
  readonly waitedMs: number;
}

/** The built command with git and pm2 on a root of its own. */
export class DeployerSide {
  readonly world: World;
  readonly #app: App;
  readonly #instances: number;

  private constructor(world: World, app: App, instances: number) {
    this.world = world;
    this.#app = app;
    this.#instances = instances;
  }

  static async create(app: App, instances: number): Promise<DeployerSide> {
    const side = new DeployerSide(await World.create(), app, instances);
    mkdirSync(side.#work);
    await side.world.must("git", ["init", "--quiet", "--bare", "--initial-branch=main", side.#remote]);
    await side.#git("init", "--quiet", "--initial-branch=main");
    await side.#git("remote", "add", "origin", side.#remote);
    return side;
  }

  get #work(): string {
    return join(this.world.folder, "work");
  }

  get #remote(): string {
    return join(this.world.folder, "app.git");
  }

  configure({ gate, settleMs, soakMs }: Chosen): void {
    const app = this.#app;
    const pm2 = {
      apps: {
        shop: {
          script: app.script,
          instances: this.#instances,
          env: environmentOf(app, this.world.port),
          ...(app.args === undefined ? {} : { args: app.args(this.world.port) }),
        },
      },
      health: { path: "/api/health", json: "revision" },
      healthTimeoutMs: app.healthTimeoutMs,
      gate: gate && { settleMs },
      soakMs,
    };
    const build =
      app.build === undefined
        ? ""
        : `command({ stage: "build", name: "build", run: ["sh", "-c", ${JSON.stringify(app.build)}] }),`;
    writeFileSync(
      join(this.world.root, "deployer.config.ts"),
      `import { command, defineConfig } from "@deployer/core";
import git from "@deployer/plugin-git";
import pm2 from "@deployer/plugin-pm2";
${build === "" ? "void command;" : ""}
export default defineConfig({
  app: "shop",
  keepReleases: 2,
  plugins: [git({ remote: ${JSON.stringify(this.#remote)}, ref: "main" }), ${build} pm2(${JSON.stringify(pm2)})],
});
`,
    );
  }

  /** Commits and pushes these files; answers the hash. */
  async push(files: Files): Promise<string> {
    write(this.#work, files);
    await this.#git("add", "--all");
    await this.#git("commit", "--quiet", "--message=A change");
    await this.#git("push", "--quiet", "origin", "HEAD:main");
    return (await this.#git("rev-parse", "HEAD")).trim();
  }

  deploy(): Promise<Deployment> {
    return this.#run("deploy");
  }

  /** To the release before. */
  rollBack(): Promise<Deployment> {
    return this.#run("rollback");
  }

  async #run(name: "deploy" | "rollback"): Promise<Deployment> {
    const began = performance.now();
    const config = join(this.world.root, "deployer.config.ts");
    const { stdout, text } = await this.world.run(process.execPath, [command, name, "--json", "--config", config]);
    const milliseconds = performance.now() - began;
    let result: RunResult;
    try {
      result = JSON.parse(stdout) as RunResult;
    } catch {
      throw new Error(`deployer ${name} printed no JSON:\n${text}`);
    }
    return { result, milliseconds, waitedMs: result.log === null ? 0 : waitedIn(readFileSync(result.log, "utf8")) };
  }

  /** The release that `current` names. */
  current(): string {
    return readlinkSync(join(this.world.root, "current"));
  }

  /** How many workers PM2 has, all of them online. @throws when one is not */
  async workers(): Promise<number> {
    const { stdout } = await this.world.pm2("jlist", "--silent");
    const list = JSON.parse(stdout.slice(stdout.indexOf("["))) as { name: string; pm2_env: { status: string } }[];
    const bad = list.find((worker) => worker.pm2_env.status !== "online");
    if (bad !== undefined) throw new Error(`a worker of ${bad.name} is ${bad.pm2_env.status}`);
    return list.length;
  }

  #git(...args: string[]): Promise<string> {
    return this.world.must("git", ["-c", "user.name=Bench", "-c", "user.email=bench@localhost", ...args], this.#work);
  }
}

/** The run's log says of each step how much of it was a chosen wait. */
function waitedIn(log: string): number {
  const waits = log.matchAll(/\(([\d.]+) (ms|s) of it chosen waits\)/g);
  return [...waits].reduce((sum, [, amount, unit]) => sum + Number(amount) * (unit === "s" ? 1000 : 1), 0);
}
