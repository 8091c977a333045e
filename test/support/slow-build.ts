import { existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import { withBuild } from "./apps.ts";
import type { Files } from "./repository.ts";
import type { Site } from "./site.ts";
import { until } from "./until.ts";

/** A build that stops in the middle, so that something can be done to the deployer meanwhile. */
export interface SlowBuild {
  /** Names of variables that the config must list. */
  readonly names: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly files: Files;
  /** Resolves when the build is in its middle. */
  inTheMiddle(): Promise<void>;
  /** A build that begins from now on waits again. */
  again(): Promise<void>;
}

/** It waits for ever, the first time; the next build of the same files sees the marker and goes through. */
export function buildThatHangsOnce(site: Site): SlowBuild {
  return slowBuild(site, "setInterval(() => {}, 1000);");
}

/** It waits until the file `gate` is there. */
export function buildThatWaits(site: Site): SlowBuild & { readonly gate: string } {
  const gate = site.at("may-go-on");
  const build = slowBuild(
    site,
    `const timer = setInterval(() => fs.existsSync(${JSON.stringify(gate)}) && clearInterval(timer), 20);`,
  );
  return { ...build, gate };
}

function slowBuild(site: Site, wait: string): SlowBuild {
  const marker = site.at("build-is-in-its-middle");
  return {
    names: ["MARKER"],
    env: { MARKER: marker },
    files: withBuild(`
      const fs = require("node:fs");
      fs.writeFileSync("half-made.txt", "");
      if (!fs.existsSync(process.env.MARKER)) {
        fs.writeFileSync(process.env.MARKER, "");
        ${wait}
      }
    `),
    inTheMiddle: async () => {
      await until("the build is in its middle", () => existsSync(marker), 30_000);
    },
    again: () => rm(marker),
  };
}
