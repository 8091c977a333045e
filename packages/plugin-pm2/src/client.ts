// Run as a program of its own, with a clean environment and cwd /: PM2's API copies the caller's whole environment into
// the app, and a daemon that it starts keeps the caller's working directory.
import { createRequire } from "node:module";

interface Request {
  readonly pm2: string;
  readonly act: "daemon" | "start" | "save";
  readonly app?: object;
  readonly answer: string;
  /** Milliseconds. */
  readonly lifetimeMs: number;
}

type Callback = (error: unknown) => void;

interface Pm2Api {
  connect(done: Callback): void;
  start(app: object, done: Callback): void;
  dump(done: Callback): void;
  disconnect(): void;
}

let input = "";
for await (const part of process.stdin) input += String(part);
const request = JSON.parse(input) as Request;
// Whoever asked ends it in time. It carries no mark of the run, so when that one is killed it must end by itself.
setTimeout(() => process.exit(1), request.lifetimeMs).unref();

const reply = (error: unknown): void => {
  const text = error === null || error === undefined ? null : messageOf(error);
  process.stdout.write(`\n${request.answer}${JSON.stringify({ error: text })}\n`, () => process.exit(0));
};

try {
  const pm2 = createRequire(import.meta.url)(request.pm2) as Pm2Api;
  await new Promise<void>((resolve, reject) => {
    const done: Callback = (error) => (error ? reject(error) : resolve());
    pm2.connect((error) => {
      if (error) reject(error);
      else if (request.act === "start") pm2.start(request.app as object, done);
      else if (request.act === "save") {
        // The dump holds the environment of every app.
        process.umask(0o077);
        pm2.dump(done);
      } else resolve();
    });
  });
  reply(null);
} catch (error) {
  reply(error);
}

function messageOf(error: unknown): string {
  if (Array.isArray(error)) return error.map(messageOf).join("; ");
  return error instanceof Error ? error.message : typeof error === "object" ? JSON.stringify(error) : String(error);
}
