import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { type CleanupContext, nodeProcessRunner, type RunningProcess } from "@deployer/core";
import { type TemporaryRoot, type TestContext, temporaryRoot, testContext } from "@deployer/core/testing";
import { afterEach, beforeEach, expect, it } from "vitest";
import { askWorkers } from "./after-switch.ts";

let root: TemporaryRoot;
let context: TestContext & CleanupContext;
const workers: RunningProcess[] = [];

beforeEach(() => {
  root = temporaryRoot();
  const path = join(root.paths.releases, "r1");
  for (const folder of [path, join(root.paths.releases, "r0"), root.paths.sockets])
    mkdirSync(folder, { recursive: true });
  const release = { id: "r1", revision: { hash: "h", ref: "main", remote: "" }, path, appPath: path, sequence: 1 };
  context = { ...testContext(root.path), release, previous: undefined, removed: [] };
});

afterEach(async () => {
  await Promise.all(workers.splice(0).map((worker) => worker.end()));
  await root.remove();
});

/** Serves in a release on its private socket, and says what it was asked. */
function worker(release: string, status = 200): Promise<string[]> {
  const heard: string[] = [];
  return new Promise((resolve) => {
    const script = `require("node:http").createServer((request, response) => {
      console.log(request.method, request.url);
      response.statusCode = ${status};
      response.end();
    }).listen(${JSON.stringify(root.paths.sockets)} + "/" + process.pid + ".sock", () => console.log("listening"))`;
    workers.push(
      nodeProcessRunner.start({
        file: process.execPath,
        args: ["-e", script],
        cwd: join(root.paths.releases, release),
        env: {},
        onLine: (line) => (line === "listening" ? resolve(heard) : heard.push(line)),
      }),
    );
  });
}

it("asks each worker of the release that is served, and no other", async () => {
  const [first, second, old] = [await worker("r1"), await worker("r1"), await worker("r0")];
  await askWorkers(context, ["POST /api/revalidate?all=1"]);
  await expect
    .poll(() => [first, second, old])
    .toEqual([["POST /api/revalidate?all=1"], ["POST /api/revalidate?all=1"], []]);
  expect(context.infos).toEqual(["POST /api/revalidate?all=1: sent to 2 workers."]);
});

it("tells what failed, and goes on with the next request", async () => {
  await worker("r1", 500);
  await askWorkers(context, ["POST /a", "POST /b"]);
  expect(context.warnings).toEqual([
    "POST /a failed at 1 of 1 worker: it answered 500.",
    "POST /b failed at 1 of 1 worker: it answered 500.",
  ]);
});

it("tells when there is nobody to ask, and is silent when there is nothing to ask", async () => {
  await askWorkers(context, []);
  expect(context.warnings).toEqual([]);
  await askWorkers(context, ["POST /a"]);
  expect(context.warnings.join()).toContain("POST /a was not sent");
});
