// Runs a command of this repository with everything it needs: dependencies as the lockfile says, packages
// built, and Node 24 first on PATH. Plain JavaScript, because it starts under whatever Node the machine has.
//
//   node scripts/run.mjs                 only the set-up
//   node scripts/run.mjs vitest run      the set-up, then the command
//   node scripts/run.mjs --unbuilt …     the same without building: for commands that build or check the build

import { spawn } from "node:child_process";
import { constants } from "node:os";
import { delimiter, join } from "node:path";
import { setUp } from "./setup.mjs";

const root = join(import.meta.dirname ?? new URL(".", import.meta.url).pathname, "..");
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"];

/**
 * What npm tells its scripts about this package and this folder's .npmrc. An npm that a test or the demo starts for
 * another project must not believe it: `ignore-scripts` is ours alone. The user's own settings stay.
 */
const ABOUT_US = [
  /^(INIT_CWD|npm_(package|lifecycle|command|execpath|node_execpath).*)$/,
  /^npm_config_(local_prefix|prefix|global_prefix|noproxy|node_gyp|user_agent|npm_version)$/,
  /^npm_config_(ignore_scripts|allow_scripts|loglevel|audit|fund|update_notifier|omit_lockfile_registry_resolved)$/,
];

const words = process.argv.slice(2);
const built = words[0] !== "--unbuilt";
const [command, ...args] = built ? words : words.slice(1);
let running;
let received;
for (const signal of SIGNALS) process.on(signal, () => pass(signal));

process.chdir(root);
try {
  await setUp(root, run, { built });
  if (command && !received)
    process.exitCode = exitCode(await run(command, args, { stdio: "inherit", detached: false }));
} catch (error) {
  if (!received) {
    console.error(error.expected ? error.message : error);
    process.exitCode = 1;
  }
}
if (received) process.exitCode ||= 128 + constants.signals[received];

/**
 * Starts a program and answers how it ended. The command itself shares our terminal; a step of the set-up has its
 * output collected and a process group of its own, so that it can be ended whole.
 */
function run(file, args, options = {}) {
  return new Promise((resolve, reject) => {
    const ours = { cwd: root, env: environment(file), stdio: ["ignore", "pipe", "pipe"], detached: true };
    const child = spawn(file, args, { ...ours, ...options });
    running = child;
    let output = "";
    child.stdout?.on("data", (chunk) => {
      output += chunk;
    });
    child.stderr?.on("data", (chunk) => {
      output += chunk;
    });
    child.on("error", (error) => reject(expected(`${file} could not be started: ${error.message}`)));
    child.on("close", (code, signal) => {
      running = undefined;
      resolve({ code, signal, output });
    });
  });
}

/**
 * Ctrl-C in a terminal goes to the whole foreground group; only what was sent to us alone must be passed on.
 * A set-up is killed: npm would finish first, and the next run begins it anew.
 */
function pass(signal) {
  received = signal;
  if (!running) return;
  if (running.stdout) process.kill(-running.pid, "SIGKILL");
  else if (signal !== "SIGINT" || !process.stdin.isTTY) running.kill(signal);
}

function exitCode({ code, signal }) {
  return code ?? 128 + constants.signals[signal];
}

/** The caller's environment with our Node first on PATH. npm itself gets the machine's: it replaces ours while it runs. */
function environment(file) {
  const kept = Object.entries(process.env).filter(([name]) => !ABOUT_US.some((fact) => fact.test(name)));
  const theirs = (process.env.PATH ?? "")
    .split(delimiter)
    .filter((folder) => !folder.startsWith(join(root, "node_modules")));
  const path = file === "npm" ? theirs : [join(root, "node_modules/.bin"), ...theirs];
  return { ...Object.fromEntries(kept), PATH: path.join(delimiter) };
}

function expected(message) {
  return Object.assign(new Error(message), { expected: true });
}
