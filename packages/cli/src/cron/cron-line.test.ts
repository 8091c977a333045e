import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryDirectory } from "@deployer/core/testing";
import { expect, it } from "vitest";
import { cronLine } from "./cron-line.ts";

/** What cron makes of a line: without its five fields, a percent sign unescaped, in cron's own environment. */
function runAsCron(line: string): string[] {
  const command = line.replace("* * * * * ", "").replaceAll("\\%", "%");
  const env = { HOME: "/", LOGNAME: "ada", PATH: "/usr/bin:/bin", SHELL: "/bin/sh" };
  return JSON.parse(execFileSync("/bin/sh", ["-c", command], { env, cwd: "/", encoding: "utf8" }));
}

it("the line runs in cron's environment: every path in full, whatever stands in it", async () => {
  await using folder = temporaryDirectory();
  const bin = join(folder.path, "50% of $HOME's bin");
  mkdirSync(bin);
  symlinkSync(process.execPath, join(bin, "node"));
  writeFileSync(join(bin, "git"), "");
  chmodSync(join(bin, "git"), 0o755);
  const command = join(bin, "deployer");
  writeFileSync(
    command,
    "console.log(JSON.stringify([process.env.PATH, process.env.PM2_HOME, ...process.argv.slice(2)]))",
  );
  const line = cronLine({
    environment: { PATH: `relative:/nowhere:${bin}`, PM2_HOME: "/srv/my pm2" },
    execPath: process.execPath,
    command,
    config: join(bin, "deployer.config.ts"),
    env: "staging",
  });
  expect(line).not.toContain("\n");
  expect(line).toContain(join(bin, "node").replace("%", "\\%").replace("'", "'\\''"));
  expect(runAsCron(line)).toEqual([
    `${bin}:/usr/local/bin:/usr/bin:/bin`,
    "/srv/my pm2",
    ...["check", "--quiet", "--config", join(bin, "deployer.config.ts"), "--env", "staging"],
  ]);
});

it("the Node that runs is named, also where PATH has another one or none", () => {
  const options = { execPath: process.execPath, command: "/d", config: "/c", env: undefined };
  const line = cronLine({ ...options, environment: { PATH: "/nowhere" } });
  expect(line).toBe(`* * * * * PATH=/usr/local/bin:/usr/bin:/bin ${process.execPath} /d check --quiet --config /c`);
});
