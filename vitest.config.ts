import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const packages = fileURLToPath(new URL("packages", import.meta.url));

// Unit tests see the sources of every package, so there is one copy of each class and no stale build.
// End-to-end tests see the built packages, as users do.
const sources = [
  { find: /^@deployer\/([^/]+)$/, replacement: `${packages}/$1/src/index.ts` },
  { find: /^@deployer\/([^/]+)\/([^/]+)$/, replacement: `${packages}/$1/src/$2/index.ts` },
];

/**
 * How long a test may wait for one thing. A limit protects against what hangs, and against nothing else: a busy machine
 * is no failure. A test may wait for more than one thing, and what waited says so before its test is ended.
 */
const HANGS_AFTER_MS = 60_000;

/** Most of a test's time is waiting for other processes. By itself Vitest leaves one of two cores idle. */
const WORKERS = 3;

export default defineConfig(({ mode }) => ({
  test: {
    reporters: ["default", "./scripts/project-times.ts"],
    projects: [
      {
        resolve: { alias: sources },
        test: {
          name: "unit",
          maxWorkers: WORKERS,
          testTimeout: 2 * HANGS_AFTER_MS,
          hookTimeout: 2 * HANGS_AFTER_MS,
          expect: { poll: { timeout: HANGS_AFTER_MS } },
          include: ["packages/*/src/**/*.test.ts", "test/*.test.ts"],
          // Files named *.full.test.ts take minutes: only `npm run test:full` runs them.
          exclude: mode === "full" ? [] : ["**/*.full.test.ts"],
        },
      },
      {
        test: {
          name: "types",
          include: [],
          typecheck: {
            enabled: true,
            only: true,
            include: ["packages/*/src/**/*.test-d.ts"],
            tsconfig: "test/tsconfig.json",
          },
        },
      },
      {
        test: {
          name: "e2e",
          // Files named *.full.e2e.ts take minutes: only `npm run test:full` runs them.
          include: ["test/**/*.e2e.ts"],
          exclude: mode === "full" ? [] : ["**/*.full.e2e.ts"],
          globalSetup: ["test/support/global-setup.ts"],
          pool: "forks",
          maxWorkers: WORKERS,
          testTimeout: 4 * HANGS_AFTER_MS,
          hookTimeout: 4 * HANGS_AFTER_MS,
          expect: { poll: { timeout: HANGS_AFTER_MS } },
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
}));
