#!/usr/bin/env node
const [major, minor] = process.versions.node.split(".").map(Number);
if (major < 22 || (major === 22 && minor < 18)) {
  process.stderr.write(
    `deployer needs Node 22.18 or later; this is ${process.versions.node} (${process.execPath}).\n` +
      "Install a current LTS, and give cron the path of that node.\n",
  );
  process.exit(2);
}
const { main } = await import("../dist/main.js");
await main(import.meta.url);
