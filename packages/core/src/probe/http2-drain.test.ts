import { fork } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { connect } from "node:http2";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { expect, it } from "vitest";
import { nodeFileSystem } from "../ports/node-file-system.ts";
import { temporaryRoot } from "../testing/temporary.ts";
import { installPreload } from "./install-preload.ts";

const SERVER = `
  const server = require("node:http2").createServer((request, response) => {
    process.send("asked");
    process.once("message", () => response.end("served"));
  });
  server.listen(0, () => process.send(server.address().port));
`;

it("a request over HTTP/2 is answered before the worker ends, and its session takes no more", async () => {
  await using root = temporaryRoot();
  const preload = await installPreload(nodeFileSystem, root.paths);
  const file = join(root.path, "server.cjs");
  writeFileSync(file, SERVER);
  const server = fork(file, { execArgv: ["-r", preload] });
  try {
    const [port] = await once(server, "message");
    const session = connect(`http://127.0.0.1:${port}`);
    const answered = text(session.request({ ":path": "/" }));
    await once(server, "message");
    server.kill("SIGINT");
    await once(session, "goaway");
    server.send("answer");
    expect(await answered).toBe("served");
    expect(await once(server, "exit")).toEqual([0, null]);
  } finally {
    server.kill("SIGKILL");
  }
});
