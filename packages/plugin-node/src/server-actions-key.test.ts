import { chmodSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { type DeployerWith, deployerWith, type TestDeployer } from "@deployer/core/testing";
import { describe, expect, it } from "vitest";
import { node } from "./node.ts";

const NAME = "NEXT_SERVER_ACTIONS_ENCRYPTION_KEY";
const PRINTING = `
  const key = process.env.${NAME};
  require("node:fs").writeFileSync("seen.txt", key ?? "none");
  console.log("the key is " + key);
`;
const FAILING = `${PRINTING} process.exit(1);`;
const PACKAGE = JSON.stringify({ dependencies: { next: "16.0.0" } });

/** A Next.js app whose build prints the key that it is given. */
async function nextApp(
  files: Record<string, string> = {},
  { environment, ...config }: DeployerWith["config"] & { environment?: Record<string, string> } = {},
): Promise<TestDeployer> {
  const app = await deployerWith({
    plugins: [node({ install: false, build: [process.execPath, "build.cjs"] })],
    config,
    ...(environment === undefined ? {} : { options: { environment: { ...process.env, ...environment } } }),
  });
  app.remote.push({ "build.cjs": PRINTING, "package.json": PACKAGE, ...files });
  return app;
}

const keyPath = (app: TestDeployer): string => join(app.paths.state, "keys/next-server-actions");
const seen = (app: TestDeployer): string => readFileSync(join(app.paths.current, "seen.txt"), "utf8");

describe("the key of a Next.js app's Server Actions", () => {
  it("is made once, for its owner alone, and given to every build", async () => {
    await using app = await nextApp();
    expect(await app.deployer.check()).toMatchObject({ outcome: "deployed", warnings: [] });
    const key = seen(app);
    expect(Buffer.from(key, "base64")).toHaveLength(32);
    expect(statSync(keyPath(app)).mode & 0o777).toBe(0o600);
    expect(statSync(dirname(keyPath(app))).mode & 0o777).toBe(0o700);
    app.remote.push({ "build.cjs": PRINTING, "package.json": PACKAGE, more: "" });
    expect(await app.deployer.check()).toMatchObject({ outcome: "deployed", warnings: [] });
    expect(seen(app)).toBe(key);
  });

  it("is in no log and no message, also when a build prints it and fails", async () => {
    await using app = await nextApp();
    const logs = [readFileSync((await app.deployer.check()).log as string, "utf8")];
    const key = seen(app);
    app.remote.push({ "build.cjs": FAILING, "package.json": PACKAGE });
    const failed = await app.deployer.check();
    logs.push(readFileSync(failed.log as string, "utf8"), JSON.stringify(failed), JSON.stringify(app.reporter.events));
    for (const text of logs) expect(text).toContain("the key is [redacted]");
    expect(logs.join("\n")).not.toContain(key);
  });

  it.each([
    ["a file .env", { ".env": `${NAME}=own` }],
    ["a file .env.production with quotes", { ".env.production": `export ${NAME} = "own"` }],
    ["its next.config", { "next.config.ts": `process.env.${NAME} ??= "own";` }],
    [
      "its package.json",
      { "package.json": JSON.stringify({ config: { next: "16" }, scripts: { x: `${NAME}=own x` } }) },
    ],
  ])("is the app's own where %s names one", async (_, files) => {
    await using app = await nextApp(files);
    expect(await app.deployer.check()).toMatchObject({ outcome: "deployed" });
    expect(seen(app)).toBe("none");
  });

  it("is that of the shared .env, or of the config's env, where they name one", async () => {
    const given = { [NAME]: Buffer.alloc(32, 7).toString("base64") };
    await using listed = await nextApp({}, { env: [NAME], environment: given });
    expect(await listed.deployer.check()).toMatchObject({ outcome: "deployed" });
    expect(seen(listed)).toBe(given[NAME]);
    await using shared = await nextApp({}, { shared: [".env"] });
    mkdirSync(shared.paths.shared, { recursive: true });
    writeFileSync(join(shared.paths.shared, ".env"), `PORT=3000\n${NAME}=${given[NAME]}\n`);
    expect(await shared.deployer.check()).toMatchObject({ outcome: "deployed" });
    expect(seen(shared)).toBe("none");
  });

  it("is given where a file names it without a value, in a comment, or to be copied", async () => {
    await using app = await nextApp({ ".env": `${NAME}=\n# ${NAME}=own\n`, ".env.example": `${NAME}=yours` });
    expect(await app.deployer.check()).toMatchObject({ outcome: "deployed" });
    expect(seen(app)).toBe(readFileSync(keyPath(app), "utf8").trim());
  });

  it("is found for an app in a folder, whose dependencies stand at the top", async () => {
    await using app = await nextApp(
      { "apps/web/build.cjs": PRINTING, "apps/web/package.json": "{}" },
      { directory: "apps/web" },
    );
    expect(await app.deployer.check()).toMatchObject({ outcome: "deployed" });
    expect(readFileSync(join(app.paths.current, "apps/web/seen.txt"), "utf8")).toMatch(/=$/);
  });

  it("is not made for an app that is none of Next.js's", async () => {
    await using app = await nextApp({ "package.json": JSON.stringify({ dependencies: { vite: "8.0.0" } }) });
    expect(await app.deployer.check()).toMatchObject({ outcome: "deployed" });
    expect(seen(app)).toBe("none");
    expect(() => statSync(keyPath(app))).toThrow("ENOENT");
  });

  it("is never replaced in silence: damaged it stops the run, lost it is told", async () => {
    await using app = await nextApp();
    await app.deployer.check();
    const key = seen(app);
    chmodSync(keyPath(app), 0o600);
    writeFileSync(keyPath(app), key.slice(0, 20));
    app.remote.push({ "build.cjs": PRINTING, "package.json": PACKAGE, more: "1" });
    expect(await app.deployer.check()).toMatchObject({ exitCode: 2, error: { code: "ERR_SERVER_ACTIONS_KEY" } });
    expect(readFileSync(keyPath(app), "utf8")).toBe(key.slice(0, 20));
    rmSync(keyPath(app));
    const { outcome, warnings } = await app.deployer.check();
    expect({ outcome, warnings }).toEqual({
      outcome: "deployed",
      warnings: [
        `${keyPath(app)} is gone, and a new key was made: Server Actions of pages that are open now fail once.`,
      ],
    });
    expect(seen(app)).not.toBe(key);
  });
});
