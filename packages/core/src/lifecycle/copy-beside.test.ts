import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import type { Plugin } from "../plugin/plugin.ts";
import { deployerWith } from "../testing/index.ts";

it("a copy that stands for no shared path is known to build and gate by its variable, and gone after them", async () => {
  const seen: Record<string, unknown> = {};
  const read = (path: string | undefined): string => readFileSync(path ?? "", "utf8");
  const plugin: Plugin = {
    name: "beside",
    async link(paths, { copyBeside }) {
      copyBeside({
        async fill(directory) {
          writeFileSync(join(directory, "core.db"), "copy");
          const copy = join(directory, "core.db");
          return { env: { CORE_DB: copy }, copies: [{ name: "/var/core.db", live: "/var/core.db", copy }] };
        },
        async settle(directory) {
          seen.settled = read(join(directory, "core.db"));
        },
      });
      return paths;
    },
    async build({ environment, release }) {
      seen.inside = environment.CORE_DB?.startsWith(`${release.appPath}/`);
      seen.build = read(environment.CORE_DB);
    },
    async gate({ trials, onCopies, copies }) {
      seen.gate = read(trials[0]?.environment.CORE_DB);
      seen.onCopies = onCopies;
      seen.copies = copies.map(({ name, copy }) => [name, copy === trials[0]?.environment.CORE_DB]);
    },
    async migrate({ release }) {
      seen.left = existsSync(join(release.appPath, ".rehearsal"));
    },
  };
  await using app = await deployerWith({ plugins: [plugin] });
  expect(await app.deployer.check()).toMatchObject({ outcome: "deployed", warnings: [] });
  expect(seen).toEqual({
    ...{ inside: true, build: "copy", gate: "copy", onCopies: true, settled: "copy", left: false },
    copies: [["/var/core.db", true]],
  });
  expect(readdirSync(app.paths.current)).not.toContain(".rehearsal");
});
