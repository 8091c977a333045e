import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { temporaryDirectory } from "../testing/index.ts";
import { takeLock } from "./deploy-lock.ts";

const MODULE = fileURLToPath(new URL("./deploy-lock.ts", import.meta.url));

interface Holder extends Disposable {
  readonly process: ChildProcess;
  readonly answer: string;
}

/** Another process that takes the lock, says whether it got it, and keeps it until it is ended. */
async function holder(path: string): Promise<Holder> {
  const code = `
    const { takeLock } = await import(${JSON.stringify(MODULE)});
    const lock = takeLock(${JSON.stringify(path)});
    console.log(lock === undefined ? "refused" : "held");
    if (lock !== undefined) setInterval(() => {}, 1000);
  `;
  const child = spawn(process.execPath, ["--input-type=module", "--eval", code], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [chunk] = (await once(child.stdout, "data")) as [Buffer];
  return { process: child, answer: String(chunk).trim(), [Symbol.dispose]: () => void child.kill("SIGKILL") };
}

it("refuses a second process while it is held, and lets it in afterwards", async () => {
  await using folder = temporaryDirectory();
  const path = join(folder.path, "lock.db");
  const lock = takeLock(path);
  using refused = await holder(path);
  expect(refused.answer).toBe("refused");
  lock?.release();
  using admitted = await holder(path);
  expect(admitted.answer).toBe("held");
});

it("is free as soon as its holder dies by SIGKILL", async () => {
  await using folder = temporaryDirectory();
  const path = join(folder.path, "lock.db");
  using other = await holder(path);
  expect(other.answer).toBe("held");
  expect(takeLock(path)).toBeUndefined();
  other.process.kill("SIGKILL");
  await once(other.process, "exit");
  const lock = takeLock(path);
  expect(lock).toBeDefined();
  lock?.release();
});

it("is held by a process that is stopped: nobody judges whether it is dead", async () => {
  await using folder = temporaryDirectory();
  const path = join(folder.path, "lock.db");
  using other = await holder(path);
  other.process.kill("SIGSTOP");
  expect(takeLock(path)).toBeUndefined();
});

it("refuses a second taker in the same process, which does not loosen the first", async () => {
  await using folder = temporaryDirectory();
  const path = join(folder.path, "lock.db");
  const lock = takeLock(path);
  expect(takeLock(path)).toBeUndefined();
  using other = await holder(path);
  expect(other.answer).toBe("refused");
  lock?.release();
});

it("may be released twice", async () => {
  await using folder = temporaryDirectory();
  const lock = takeLock(join(folder.path, "lock.db"));
  lock?.release();
  expect(() => lock?.release()).not.toThrow();
});

it("can be opened by its owner only", async () => {
  await using folder = temporaryDirectory();
  const path = join(folder.path, "lock.db");
  takeLock(path)?.release();
  expect(statSync(path).mode & 0o777).toBe(0o600);
});

it("says so when its file is no lock, instead of taking it for held", async () => {
  await using folder = temporaryDirectory();
  const path = join(folder.path, "lock.db");
  writeFileSync(path, "this is no database, and long enough to be looked at by SQLite ".repeat(40));
  expect(() => takeLock(path)).toThrow(/not a database/);
});
