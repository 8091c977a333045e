import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { describe, expect } from "vitest";
import { plainApp } from "./support/apps.ts";
import { startProgram } from "./support/run-program.ts";
import { type Site, test } from "./support/site.ts";
import { until } from "./support/until.ts";

const DEPLOYER = `${process.execPath} ${fileURLToPath(new URL("../packages/cli/bin/deployer.js", import.meta.url))}`;

// Its activation talks until it may go on; stopped in the middle, it is undone.
const TALKING = `
  import { existsSync, writeFileSync } from "node:fs";
  import { definePlugin } from "@deployer/core";
  export default definePlugin(({ folder }) => ({
    name: "mine",
    activate: {
      order: "post",
      async handler({ info, undo, clock, signal }) {
        undo("take mine back", () => writeFileSync(folder + "/undone", ""));
        for (let n = 0; !existsSync(folder + "/may-go-on"); n += 1) {
          info("line " + n);
          if (n === 3) writeFileSync(folder + "/in-the-middle", "");
          await clock.sleep(20, signal);
        }
      },
    },
    commands: { hello: { summary: "Says a word.", run: async () => "hello" } },
  }));
`;

describe("output that nobody can take", () => {
  const ENDS = [
    "| head -1", //
    "2>&1 | true",
    ">/dev/full 2>&1",
    ">&- 2>&-",
  ];

  test("does not keep a deployment from its end, nor from its exit code", async ({ site }) => {
    await talkingSite(site);
    await writeFile(site.at("may-go-on"), "");
    const ways = [...ENDS.map((end) => ["", end]), ["--json", ">/dev/full"], ["--quiet", "2>/dev/full"]] as const;
    for (const [index, [flag, end]] of ways.entries()) {
      const hash = await site.commit(plainApp(String(index)));
      expect(await exitCodeOf(site, `check ${flag}`, end), end).toBe(0);
      expect((await site.read("current/REVISION")).trim(), end).toBe(hash);
    }
  });

  test("changes the exit code of no command, also of those that fail", async ({ site }) => {
    await talkingSite(site);
    for (const end of ENDS) {
      expect(await exitCodeOf(site, "status", end), `status ${end}`).toBe(0);
      expect(await exitCodeOf(site, "mine hello", end), `mine hello ${end}`).toBe(0);
      expect(await exitCodeOf(site, "rollback", end), `rollback ${end}`).toBe(6);
      expect(await exitCodeOf(site, "check --no-such-flag", end), `unknown flag ${end}`).toBe(2);
    }
    expect(await exitCodeOf(site, "mine nothing", ">/dev/full 2>&1")).toBe(2);
    expect(await exitCodeOf(site, "check --config nowhere.ts --json", ">/dev/full")).toBe(2);
    expect(await exitCodeOf(site, "--help", ">/dev/full 2>&1")).toBe(0);
  });
});

describe("a terminal that is closed in the middle of an activation", () => {
  test("interrupts the run, which is undone and exits 130", async ({ site }) => {
    await talkingSite(site);
    const terminal = await terminalInTheMiddle(site, `${DEPLOYER} deploy`);
    terminal.close();
    expect(await terminal.exitCode()).toBe(130);
    expect(existsSync(site.at("undone"))).toBe(true);
    expect(await site.footprint()).toEqual({ current: null, releases: [], leftovers: [] });
  });

  test("is not missed by a run that no signal reaches", async ({ site }) => {
    await talkingSite(site);
    const terminal = await terminalInTheMiddle(site, `setsid -w ${DEPLOYER} deploy`);
    terminal.close();
    await terminal.closed;
    await writeFile(site.at("may-go-on"), "");
    expect(await terminal.exitCode()).toBe(0);
    expect((await site.footprint()).current).not.toBeNull();
  });
});

async function talkingSite(site: Site): Promise<void> {
  await site.put("mine.mjs", TALKING);
  const git = ["@deployer/plugin-git", { remote: site.remote }];
  await site.configure({ plugins: [git, ["./mine.mjs", { folder: site.folder }]] });
  await site.commit(plainApp());
}

/** What the command ends with; of a pipe's first part a shell keeps it to itself. */
async function exitCodeOf(site: Site, words: string, end: string): Promise<number> {
  const script = `{ ${DEPLOYER} ${words}; echo $? >${site.at("exit")}; } ${end}`;
  await startProgram("sh", ["-c", script], { cwd: site.root, env: site.env }).ended;
  return Number(readFileSync(site.at("exit"), "utf8"));
}

interface Terminal {
  readonly closed: Promise<unknown>;
  close(): void;
  exitCode(): Promise<number>;
}

/** A command in a terminal of its own, as far as the middle of its activation. Closing it is what a lost ssh does. */
async function terminalInTheMiddle(site: Site, command: string): Promise<Terminal> {
  // The session's leader dies with its terminal, and the kernel tells those in front; the inner shell lives to see the end.
  const shell = `( trap "" HUP; ${command}; echo $? >${site.at("exit")} ) & wait`;
  const child = spawn("script", ["--quiet", "--flush", "--command", shell, "/dev/null"], {
    cwd: site.root,
    env: { ...site.env, SHELL: "/bin/sh" },
    stdio: ["pipe", "pipe", "ignore"],
  });
  let shown = "";
  child.stdout.on("data", (data: Buffer) => {
    shown += data;
  });
  const closed = new Promise((resolve) => child.once("close", resolve));
  await until("the activation is in its middle", () => existsSync(site.at("in-the-middle")));
  await until("it is shown live", () => shown.includes("\u001b[K") && shown.includes("line 1"));
  return {
    closed,
    close: () => void child.kill("SIGKILL"),
    exitCode: () =>
      until("it has ended", () => existsSync(site.at("exit")) && readFileSync(site.at("exit"), "utf8")).then(Number),
  };
}
