import { expect, it } from "vitest";
import { deployerWith } from "../testing/index.ts";
import { cleanEnvironment } from "./environment.ts";

it("passes what programs need, languages, and what the config lists; no secret of the deployer", () => {
  const source = {
    PATH: "/bin",
    HOME: "/home/me",
    LANG: "C.UTF-8",
    LC_ALL: "C",
    https_proxy: "http://proxy",
    NPM_TOKEN: "asked for",
    AWS_SECRET_ACCESS_KEY: "s3cret",
    DATABASE_URL: "postgres://me:pw@db",
    NODE_ENV: "production",
    NODE_OPTIONS: "--inspect",
    GIT_DIR: "/elsewhere",
    UNSET: undefined,
  };
  expect(cleanEnvironment(source, ["NPM_TOKEN", "UNSET", "NOT_THERE"])).toEqual({
    PATH: "/bin",
    HOME: "/home/me",
    LANG: "C.UTF-8",
    LC_ALL: "C",
    https_proxy: "http://proxy",
    NPM_TOKEN: "asked for",
  });
});

it("is what a real command of a run sees, with the run's mark and the Node of the run first on PATH", async () => {
  let seen = "";
  await using app = await deployerWith({
    config: { env: ["ASKED_FOR"] },
    options: { environment: { PATH: process.env.PATH, ASKED_FOR: "yes", S3CRET_TOKEN: "hunter2hunter2" } },
    plugins: [
      {
        name: "looking",
        async build({ runner, release, env }) {
          seen = (await runner.run({ file: "env", cwd: release.path, env })).stdout;
        },
      },
    ],
  });
  expect(await app.deployer.check()).toMatchObject({ outcome: "deployed" });
  expect(seen).toMatch(/^ASKED_FOR=yes$/m);
  expect(seen).toMatch(/^DEPLOYER_RUN=\d{8}T\d{6}Z-[0-9a-f]{6}$/m);
  expect(seen).toMatch(new RegExp(`^PATH=${process.execPath.replace(/\/node$/, "")}:`, "m"));
  expect(seen).not.toContain("hunter2");
});
