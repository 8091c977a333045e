// A run in a process of its own, for its death by SIGKILL: link and migrate of the release in ROOT's `release.json`.
// node run-child.ts ROOT
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { ReleaseInfo } from "@deployer/core";
import { testApp } from "./test-app.ts";

const root = process.argv[2]!;
const app = testApp(undefined, undefined, root);
const { release, served, env } = JSON.parse(readFileSync(join(root, "release.json"), "utf8")) as {
  release: ReleaseInfo;
  served?: ReleaseInfo;
  env: Record<string, string>;
};
app.context = { ...app.context, env: { ...app.context.env, ...env } };
app.served = served;
await app.link(release);
await app.migrate(release);
