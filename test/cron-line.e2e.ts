import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "vitest";
import { plainApp } from "./support/apps.ts";
import { startProgram } from "./support/run-program.ts";
import { test } from "./support/site.ts";
import { until } from "./support/until.ts";

const NAMESPACES = ["--mount", "--pid", "--mount-proc", "--fork", "--kill-child"];

const whyNot = skipReason();

test.runIf(whyNot === undefined)(
  whyNot ?? "cron itself runs the line that `deployer cron` prints, whatever characters its paths have",
  async ({ site }) => {
    const folder = site.at("root", "100% Ada's");
    await mkdir(folder);
    await writeFile(
      join(folder, "deployer.config.json"),
      JSON.stringify({
        app: "shop",
        plugins: [["@deployer/plugin-git", { remote: site.remote }], "@deployer/plugin-node"],
      }),
    );
    await site.commit(plainApp());
    const line = (await site.deployer(["cron"], { cwd: folder })).stdout;
    // Cron's first act, in place of the next minute.
    const crontab = `HOME=${site.at("home")}\n${line.replace("* * * * *", "@reboot")}`;
    await writeFile(site.at("crontab"), crontab);
    await writeFile(site.at("cron.sh"), CRON);
    const cron = startProgram("unshare", [...NAMESPACES, "sh", site.at("cron.sh"), site.at("crontab")], {
      cwd: "/",
      env: { PATH: process.env.PATH ?? "" },
    });
    try {
      await until("cron has deployed", () => existsSync(join(folder, "current/built.txt")));
      await until("its run has ended", async () => {
        const { json } = await site.deployer<{ running: unknown }>(["status", "--json"], { cwd: folder });
        return json.running === null;
      });
    } finally {
      cron.kill("SIGKILL"); // and with it all of its namespace
      await cron.ended;
    }
    const { json } = await site.deployer(["check", "--json"], { cwd: folder });
    expect(json.outcome).toBe("up-to-date");
  },
);

/** A cron that sees no crontab but this one, and that the machine's cron does not see. */
const CRON = `set -e
mount -t tmpfs none /run
mount -t tmpfs none /etc/cron.d
mount --bind /dev/null /etc/crontab
mount -t tmpfs none /var/spool/cron
mkdir -m 1730 /var/spool/cron/crontabs
cp "$1" /var/spool/cron/crontabs/root
chmod 600 /var/spool/cron/crontabs/root
exec cron -f
`;

function skipReason(): string | undefined {
  if (process.getuid?.() !== 0)
    return "cron itself runs the line (skipped: only root can give cron a crontab of its own)";
  if (!existsSync("/usr/sbin/cron"))
    return "cron itself runs the line (skipped: there is no /usr/sbin/cron; apt-get install cron)";
  const mayUnshare = spawnSync("unshare", [...NAMESPACES, "mount", "-t", "tmpfs", "none", "/run"]).status === 0;
  return mayUnshare ? undefined : "cron itself runs the line (skipped: `unshare` may not mount)";
}
