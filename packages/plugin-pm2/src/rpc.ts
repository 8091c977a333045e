import { connect } from "node:net";

/** No daemon listens there. */
export class NoDaemon extends Error {}

const TIMEOUT_MS = 10_000;
const LONG_MS = 60_000;

/**
 * One call to PM2's daemon over its socket, in the protocol of its own client (AMP: a byte of version and count, then
 * each argument behind its length). PM2's API would start a daemon where there is none, and costs six times as much.
 */
export function call(
  socketPath: string,
  method: string,
  argument: unknown,
  timeoutMs: number = TIMEOUT_MS,
): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = [];
    const socket = connect(socketPath);
    const limit = setTimeout(() => end(new Error(`PM2 did not answer ${method} within ${timeoutMs} ms`)), timeoutMs);
    // What takes that long is watched by other means, and must not keep the deployer from ending.
    if (timeoutMs > LONG_MS) {
      socket.unref();
      limit.unref();
    }
    const end = (error: Error | undefined, value?: unknown): void => {
      clearTimeout(limit);
      socket.destroy();
      if (error === undefined) resolve(value);
      else reject(error);
    };
    socket.on("connect", () =>
      socket.write(encode([`j:${JSON.stringify({ type: "call", method, args: [argument] })}`, "s:1"])),
    );
    socket.on("data", (part) => {
      parts.push(part);
      const whole = decode(Buffer.concat(parts));
      if (whole === undefined) return;
      const answer = JSON.parse(whole.slice(2)) as { error?: unknown; args?: unknown[] };
      if (answer.error === undefined) end(undefined, answer.args?.[0]);
      else end(new Error(typeof answer.error === "string" ? answer.error : JSON.stringify(answer.error)));
    });
    socket.on("error", (error: NodeJS.ErrnoException) => {
      const absent = error.code === "ENOENT" || error.code === "ECONNREFUSED";
      end(absent ? new NoDaemon(`No PM2 daemon listens at ${socketPath}`) : error);
    });
    socket.on("close", () => end(new Error(`PM2 closed the connection during ${method}`)));
  });
}

function encode(values: readonly string[]): Buffer {
  const parts: Buffer[] = [Buffer.from([(1 << 4) | values.length])];
  for (const value of values) {
    const bytes = Buffer.from(value);
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.length);
    parts.push(length, bytes);
  }
  return Buffer.concat(parts);
}

/** The first argument of a message, or `undefined` as long as it is not whole. */
function decode(bytes: Buffer): string | undefined {
  if (bytes.length < 5) return undefined;
  const length = bytes.readUInt32BE(1);
  return bytes.length < 5 + length ? undefined : bytes.toString("utf8", 5, 5 + length);
}
