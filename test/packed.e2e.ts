import { chmod, mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect } from "vitest";
import { databaseApp, liveColumns, migrationsOf } from "./support/database-app.ts";
import { blocksOf } from "./support/documentation.ts";
import { expectError } from "./support/expect-outcome.ts";
import { freePort } from "./support/free-port.ts";
import { type PackedInstall, packedInstall } from "./support/packed-install.ts";
import { type Ended, mustRun, startProgram } from "./support/run-program.ts";
import { type Site, test } from "./support/site.ts";

let install: PackedInstall;

beforeAll(async () => {
  install = await packedInstall();
}, 300_000);
afterAll(() => install?.remove());

describe("the packages", () => {
  test("each have the licence and a README in which no link leads out of the package", async ({ site }) => {
    expect(install.tarballs).toHaveLength(6);
    const tar = (...args: string[]): Promise<string> => mustRun("tar", args, { cwd: site.folder, env: site.env });
    for (const tarball of install.tarballs) {
      const files = (await tar("-tzf", tarball)).split("\n");
      expect(files, tarball).toContain("package/LICENSE");
      const readme = await tar("-xzOf", tarball, "package/README.md");
      const links = [...readme.matchAll(/\]\((?!https?:|#)([^)#]+)/g)].map(([, link]) => `package/${link}`);
      expect(files, tarball).toEqual(expect.arrayContaining(links));
    }
  });
});

describe("README and getting started, line by line, with nothing installed beside the config", () => {
  test("deploy an app with three databases; cron's line deploys the next commit in silence; types are checked", async ({
    site,
  }) => {
    const port = await freePort();
    const first = await site.commit(shop(port));
    const config = await readmeConfig(site);
    await site.put("deployer.config.ts", config);
    await writeFile(site.at("home/shop.env"), "SECRET=one\n");
    const [deploy, cron] = (await blocksOf("README.md", "sh")).slice(-2);
    const deployed = await shell(site, deploy);
    expect(deployed).toMatchObject({ exitCode: 0, stdout: expect.stringContaining("Deployed ") });
    expect(deployed.stdout).toContain("2 of 2 online");
    expect(await revision(port)).toBe(first);
    expect(await site.read("current/.env")).toBe("SECRET=one\n");

    const next = { core: { "0001_note": "ALTER TABLE items ADD COLUMN note TEXT;" } };
    const second = await site.commit(migrationsOf(next));
    expect(await shell(site, cron)).toMatchObject({ exitCode: 0 });
    const line = (await readFile(site.at("home/table"), "utf8")).trim();
    expect(await asCron(site, line)).toEqual({ exitCode: 0, signal: null, stdout: "", stderr: "" });
    expect(await revision(port)).toBe(second);
    expect(liveColumns(site, "core")).toEqual(["id", "title", "note"]);

    const editor = await program(site, "editor", 'cp "$HOME/edited/$(basename "$1")" "$1"');
    await mkdir(site.at("home/edited"));
    await writeFile(site.at("home/edited/deployer.config.ts"), config);
    await writeFile(site.at("home/edited/.env"), "SECRET=two\n");
    const [make, check, print] = await blocksOf("docs/getting-started.md", "sh");
    expect(await shell(site, make, { EDITOR: editor })).toMatchObject({ exitCode: 0 });
    expect(await shell(site, check)).toMatchObject({ exitCode: 0, stdout: expect.stringContaining("Up to date") });
    expect(await shell(site, print)).toMatchObject({ exitCode: 0, stdout: `${line}\n` });
    expect(await readFile(site.at("home/table"), "utf8")).toBe(`${line}\n${line}\n`);
    await expectTypes(site, config);
  });

  test("say that PM2 is missing where there is none, and begin nothing", async ({ site }) => {
    await site.commit(shop(await freePort()));
    await site.put("deployer.config.ts", await readmeConfig(site));
    await site.put("shared/.env", "");
    const options = { command: join(install.bin, "deployer"), env: { PATH: install.bareMachine } };
    const [pm2, away] = ["pm2", ".pm2"].map((name) => join(install.modules, name)) as [string, string];
    await rename(pm2, away);
    const { error } = expectError(await site.deployer(["check", "--json"], options), "ERR_PREFLIGHT", 2);
    await rename(away, pm2);
    expect(error?.message).toContain("PM2 was not found.");
    expect(await site.footprint()).toEqual({ current: null, releases: [], leftovers: [] });
  });

  test("name only commands that there are", async () => {
    const commands = await readFile(new URL("../docs/commands.md", import.meta.url), "utf8");
    const pages = ["../README.md", "../docs/getting-started.md", "../packages/cli/README.md"];
    const texts = await Promise.all(pages.map((page) => readFile(new URL(page, import.meta.url), "utf8")));
    const named = new Set(
      texts.flatMap((text) => [...text.matchAll(/(?:`|^)deployer ((?:db )?[a-z]+)\b/gm)].map(([, name]) => name)),
    );
    for (const name of named) expect(commands, name).toMatch(new RegExp(`^## deployer ${name}\\b`, "m"));
  });
});

/** In the shell of a stranger: own HOME, own prefix of npm, and a crontab that is a file. */
async function shell(site: Site, lines: string | undefined, env: Record<string, string> = {}): Promise<Ended> {
  const crontab = `
    cd "$HOME" && touch table
    if [ "$1" = -l ]; then cat table; else cat > new && mv new table; fi`;
  const own = dirname(await program(site, "crontab", crontab));
  const path = [install.bin, own, install.bareMachine, "/usr/bin", "/bin"].join(":");
  return startProgram("/bin/sh", ["-ec", (lines ?? "exit 99").replaceAll("/srv/shop", site.root)], {
    cwd: site.root,
    env: { ...site.env, PATH: path, ...env },
  }).ended;
}

/** What cron does with a line: everything after its five fields, in cron's own environment. */
function asCron(site: Site, line: string): Promise<Ended> {
  const command = line.split(" ").slice(5).join(" ").replaceAll("\\%", "%");
  const env = { HOME: site.at("home"), LOGNAME: "stranger", PATH: "/usr/bin:/bin", SHELL: "/bin/sh" };
  return startProgram("/bin/sh", ["-c", command], { cwd: site.at("home"), env }).ended;
}

/** The config that stands there has no error, and a misspelt option is one; to the oldest and the newest compiler. */
async function expectTypes(site: Site, config: string): Promise<void> {
  const require = createRequire(import.meta.url);
  for (const typescript of ["typescript/package.json", "typescript5/package.json"]) {
    const compiler = join(dirname(require.resolve(typescript)), "bin/tsc");
    const check = (): Promise<Ended> =>
      startProgram(process.execPath, [compiler, "-p", site.root], {
        cwd: "/",
        env: { NODE_DISABLE_COMPILE_CACHE: "1" },
      }).ended;
    await site.put("deployer.config.ts", config);
    expect(await check(), typescript).toMatchObject({ exitCode: 0, stdout: "" });
    await site.put("deployer.config.ts", config.replace("ref:", "reff:"));
    expect((await check()).stdout, typescript).toContain("'reff' does not exist in type 'GitOptions'");
  }
}

async function program(site: Site, name: string, script: string): Promise<string> {
  const file = site.at("home", name);
  await writeFile(file, `#!/bin/sh\n${script}\n`);
  await chmod(file, 0o755);
  return file;
}

async function revision(port: number): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${port}/`, { headers: { connection: "close" } });
  return ((await response.json()) as { revision: string }).revision;
}

async function readmeConfig(site: Site): Promise<string> {
  const [config = ""] = await blocksOf("README.md", "ts");
  return config.replace("git@example.org:me/shop.git", site.remote);
}

/** An app as the README's config describes it. */
function shop(port: number): Record<string, string> {
  const web = { name: "shop", script: "server.cjs", exec_mode: "cluster", instances: 2, env: { PORT: String(port) } };
  const ecosystem = `module.exports = ${JSON.stringify({ apps: [web] })};`;
  return { ...(databaseApp() as Record<string, string>), "ecosystem.config.cjs": ecosystem };
}
