import { execFile } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { App } from "./app.ts";
import { type Files, write } from "./world.ts";

const run = promisify(execFile);

/** A small Next.js app, built once in both outputs; its releases take the build as copies, its packages as hard links. */
export class NextApp {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static async build(): Promise<NextApp> {
    const app = new NextApp(mkdtempSync(join(tmpdir(), "dp-n-")));
    try {
      write(app.#server, sources);
      await app.#run(app.#server, "npm", "install", "--no-audit", "--no-fund", "--loglevel=error");
      // A build of its own for each output, beside the same packages.
      mkdirSync(app.#standalone);
      write(app.#standalone, sources);
      await app.#run(app.#folder, "cp", "-al", "server/node_modules", "server/package-lock.json", "standalone/");
      for (const folder of [app.#server, app.#standalone]) await app.#run(folder, "node_modules/.bin/next", "build");
      cpSync(join(app.#standalone, ".next/static"), join(app.#standalone, ".next/standalone/.next/static"), {
        recursive: true,
      });
      return app;
    } catch (error) {
      app.remove();
      throw error;
    }
  }

  /** `next start`. */
  get server(): App {
    return {
      script: "node_modules/next/dist/bin/next",
      args: (port) => `start -p ${port} -H 127.0.0.1`,
      files: (marker) => ({ ...sources, "marker.txt": `${marker}\n` }),
      build: `cp -al ${this.#server}/node_modules . && cp -a ${this.#server}/.next .`,
      healthTimeoutMs: 60_000,
    };
  }

  /** `output: "standalone"`, put at the top of the release. */
  get standalone(): App {
    return {
      script: "server.js",
      files: (marker) => ({ "marker.txt": `${marker}\n` }),
      build: `cp -a ${this.#standalone}/.next/standalone/. .`,
      healthTimeoutMs: 60_000,
    };
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }

  get #server(): string {
    return join(this.#folder, "server");
  }

  get #standalone(): string {
    return join(this.#folder, "standalone");
  }

  async #run(cwd: string, file: string, ...args: string[]): Promise<void> {
    const output = cwd === this.#standalone ? { NEXT_OUTPUT: "standalone" } : {};
    const env = { ...process.env, NEXT_TELEMETRY_DISABLED: "1", NODE_ENV: undefined, ...output };
    await run(file, args, { cwd, env, maxBuffer: 1 << 26 }).catch((error: { stdout?: string; stderr?: string }) => {
      throw new Error(`${file} ${args.join(" ")} failed:\n${error.stdout}${error.stderr}`);
    });
  }
}

const route = (body: string): string => `import { readFileSync } from "node:fs";
export const dynamic = "force-dynamic";
const revision = () => readFileSync("REVISION", "utf8").trim();
export async function GET() {
  ${body}
  return Response.json({ revision: revision() });
}
`;

const sources: Files = {
  "package.json": JSON.stringify({
    name: "bench-next",
    private: true,
    dependencies: { next: "16.4.6", react: "19.3.1", "react-dom": "19.3.1" },
  }),
  "next.config.mjs":
    "export default { output: process.env.NEXT_OUTPUT, turbopack: { root: import.meta.dirname }, outputFileTracingRoot: import.meta.dirname };\n",
  "app/layout.js": "export default ({ children }) => <html><body>{children}</body></html>;\n",
  "app/page.js": "export default () => <h1>Shop</h1>;\n",
  "app/api/health/route.js": route(""),
  "app/slow/route.js": route("await new Promise((resolve) => setTimeout(resolve, 1000));"),
};
