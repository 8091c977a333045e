import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type App, environmentOf } from "./app.ts";
import { type Files, World, write } from "./world.ts";

/** What most people do: releases in folders, `ln -sfn`, `pm2 reload`. On a root, a port and a PM2 of its own. */
export class PlainSide {
  readonly world: World;
  readonly #app: App;
  #releases = 0;

  private constructor(world: World, app: App) {
    this.world = world;
    this.#app = app;
  }

  static async create(app: App, instances: number): Promise<PlainSide> {
    const side = new PlainSide(await World.create(), app);
    const definition = {
      name: "shop",
      cwd: join(side.world.root, "current"),
      script: app.script,
      args: app.args?.(side.world.port),
      exec_mode: "cluster",
      instances,
      env: environmentOf(app, side.world.port),
    };
    writeFileSync(side.#ecosystem, `module.exports = ${JSON.stringify({ apps: [definition] })};\n`);
    return side;
  }

  get #ecosystem(): string {
    return join(this.world.folder, "ecosystem.config.cjs");
  }

  /** Makes a release of these files; answers its folder. Its name is its revision. */
  async release(files: Files): Promise<string> {
    this.#releases += 1;
    const folder = join(this.world.root, "releases", `r${this.#releases}`);
    mkdirSync(folder, { recursive: true });
    write(folder, { ...files, REVISION: `r${this.#releases}\n` });
    if (this.#app.build !== undefined) await this.world.must("sh", ["-c", this.#app.build], folder);
    return folder;
  }

  /** Starts the app anew with this release, whatever ran before. */
  async start(release: string): Promise<void> {
    await this.#link(release);
    await this.world.pm2("delete", "all");
    await this.world.pm2("start", this.#ecosystem);
    await this.world.serves(release.slice(release.lastIndexOf("/") + 1));
  }

  async switchTo(release: string): Promise<void> {
    await this.#link(release);
    await this.world.pm2("reload", "shop");
  }

  async #link(release: string): Promise<void> {
    await this.world.must("ln", ["-sfn", release, join(this.world.root, "current")]);
  }
}
