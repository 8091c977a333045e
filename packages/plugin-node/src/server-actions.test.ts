import { deployerWith } from "@deployer/core/testing";
import { expect, it } from "vitest";
import { node } from "./node.ts";

/** Leaves what `next build` leaves of Server Actions with these ids, named with this key. */
function built(ids: readonly string[], encryptionKey = "k"): Record<string, string> {
  const manifest = { node: Object.fromEntries(ids.map((id) => [id, {}])), edge: {}, encryptionKey };
  return {
    "build.cjs": `
      const { mkdirSync, writeFileSync } = require("node:fs");
      mkdirSync(".next/server", { recursive: true });
      writeFileSync(".next/required-server-files.json", "{}");
      writeFileSync(".next/server/server-reference-manifest.json", ${JSON.stringify(JSON.stringify(manifest))});
    `,
  };
}

it.each([
  ["nothing where all are known", built(["a", "b"]), built(["a", "b", "c"]), undefined],
  [
    "those that are gone",
    built(["a", "b"]),
    built(["a", "c"]),
    "1 Server Action of 2 in this release: they were moved",
  ],
  [
    "webpack's way of naming them",
    built(["a", "b"]),
    built(["c", "d"]),
    "2 Server Actions of 2 in this release: webpack puts",
  ],
  [
    "another key",
    built(["a"]),
    built(["b"], "new"),
    "1 Server Action of 1 in this release: they were named with another",
  ],
])("what an open page cannot call any more is told: %s", async (_, before, after, told) => {
  await using app = await deployerWith({
    plugins: [node({ install: false, build: [process.execPath, "build.cjs"] })],
  });
  for (const files of [before, after]) {
    app.remote.push(files);
    expect(await app.deployer.check()).toMatchObject({ outcome: "deployed", warnings: [] });
  }
  const lines = app.reporter.of("info").filter(({ text }) => text.includes("A page that is open cannot call"));
  expect(lines.map(({ text }) => text)).toEqual(told === undefined ? [] : [expect.stringContaining(told)]);
});
