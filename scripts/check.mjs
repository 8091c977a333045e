// Everything that can be said about the code without running it: types, lint, format, boundaries, unused
// exports, packages, lockfile. All of it, even when the first fails, and only what fails is printed at length.

import { execFile } from "node:child_process";
import { readdirSync } from "node:fs";

const checks = [
  ["lint and format", "biome", "check", "--error-on-warnings", "."],
  ["import boundaries", "vitest", "run", "--project", "unit", "test/architecture.test.ts"],
  ["unused files, exports, dependencies", "knip", "--no-progress"],
  ...readdirSync("packages").map((name) => [`package ${name}`, "publint", "run", `packages/${name}`, "--strict"]),
  ...readdirSync("packages").map((name) => [
    `types of package ${name}`,
    ...["attw", "--pack", `packages/${name}`, "--profile", "esm-only", "--format", "ascii", "--no-emoji"],
  ]),
  ["lockfile", "node", "scripts/lockfile.mjs", "--check"],
];

let failed = 0;
// The types come first because they leave the build that the others look at. Then two at a time: the machines
// this runs on have two cores, and each check has threads of its own.
await perform("types", "tsc", "-b");
const waiting = checks.values();
await Promise.all([work(), work()]);
console.log(failed === 0 ? "All checks passed." : `${failed} of ${checks.length + 1} checks failed.`);
process.exitCode = failed === 0 ? 0 : 1;

async function work() {
  for (const check of waiting) await perform(...check);
}

async function perform(title, file, ...args) {
  const start = performance.now();
  const { passed, output } = await run(file, args);
  console.log(`${passed ? "✓" : "✗"} ${title} (${((performance.now() - start) / 1000).toFixed(1)} s)`);
  if (passed) return;
  failed += 1;
  console.log(`\n  ${[file, ...args].join(" ")}\n${output.trimEnd().replace(/^/gm, "  ")}\n`);
}

function run(file, args) {
  return new Promise((resolve) => {
    execFile(file, args, { maxBuffer: 1 << 28 }, (error, stdout, stderr) => {
      resolve({ passed: error === null, output: stdout + stderr || String(error) });
    });
  });
}
