import { open } from "node:fs/promises";
import type { Context } from "@deployer/core";
import type { Worker } from "./worker.ts";

const LINES = 20;
const BYTES = 16_384;
// PM2's and Node's own frames would leave no room for the error itself.
const FOREIGN_FRAME = /^\s+at .*(node:internal|\/pm2\/|\/async\/)/;

/** The last lines that a worker wrote, redacted. Read from the end: these files grow for years. */
export async function lastLines(context: Context, worker: Worker | undefined): Promise<string[]> {
  const files = [worker?.stored.pm_out_log_path, worker?.stored.pm_err_log_path];
  const ends = await Promise.all(files.map((file) => (typeof file === "string" ? endOf(file) : "")));
  const lines = ends.flatMap((end) =>
    end
      .split("\n")
      .filter((line) => line.trim() !== "" && !FOREIGN_FRAME.test(line))
      .slice(-LINES / 2),
  );
  return lines.length === 0 ? [] : context.redact(lines.join("\n")).split("\n"); // together: a key has many lines
}

async function endOf(path: string): Promise<string> {
  try {
    await using file = await open(path, "r");
    const { size } = await file.stat();
    const from = Math.max(0, size - BYTES);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(BYTES), 0, BYTES, from);
    return buffer.toString("utf8", 0, bytesRead);
  } catch {
    return "";
  }
}
