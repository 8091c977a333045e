// Installs and builds what is not installed and built yet. Two commands at once wait for each other.

import {
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";

/** How long a set-up may take before its lock counts as left behind by a machine that went down. */
const LOCK_EXPIRES_MS = 30 * 60_000;

/** @param run starts a program in `root` and answers `{ code, signal, output }` */
export async function setUp(root, run, { built }) {
  const unlock = await lock(join(root, ".cache"));
  try {
    if (!isInstalled(root)) await install(run);
    if (!existsSync(nodeOf(root))) await installNode(root, run);
    if (built) await build(root, run);
  } finally {
    unlock();
  }
}

/**
 * Whether node_modules holds what package-lock.json names, compared entry by entry: times say little after a
 * checkout. Optional packages may be missing, they are for other platforms.
 */
function isInstalled(root) {
  const wanted = readLock(join(root, "package-lock.json"));
  const present = readLock(join(root, "node_modules/.package-lock.json"));
  if (!wanted || !present) return false;
  const missing = Object.entries(wanted).some(([path, entry]) => {
    if (path === "") return false;
    return present[path] ? present[path].version !== entry.version : !(entry.optional || entry.devOptional);
  });
  return !missing && Object.keys(present).every((path) => path in wanted);
}

function readLock(file) {
  try {
    return JSON.parse(readFileSync(file, "utf8")).packages;
  } catch {
    return undefined;
  }
}

async function install(run) {
  // No install scripts, whatever npm's version thinks of them: see .npmrc.
  const command = ["ci", "--ignore-scripts", "--loglevel=error"];
  const installed = await timed("Installing dependencies (about a minute)", () => run("npm", command));
  if (installed.code !== 0) fail("The dependencies could not be installed. `npm ci` said:", installed);
}

/** The one install script that is needed: it fetches the binary for this platform. */
async function installNode(root, run) {
  const command = ["rebuild", "node", "--ignore-scripts=false", "--loglevel=error"];
  const placed = await timed("Installing Node 24 for this folder", () => run("npm", command));
  if (placed.code !== 0 || !existsSync(nodeOf(root))) fail("Node 24 could not be installed. npm said:", placed);
}

/** First on PATH for everything that is run here. A link whose target is missing does not exist. */
function nodeOf(root) {
  return join(root, "node_modules/.bin/node");
}

async function build(root, run) {
  const packages = readdirSync(join(root, "packages")).filter((name) =>
    existsSync(join(root, "packages", name, "tsconfig.json")),
  );
  const first = packages.some((name) => !existsSync(join(root, "packages", name, "dist")));
  const compile = () => run("tsc", ["-b", ...packages.map((name) => `packages/${name}`)]);
  const built = first ? await timed("Building the packages", compile) : await compile();
  if (built.code !== 0) fail("The packages do not build:", built);
}

/** Says what is done, for how long by now, and how long it took. */
async function timed(what, act) {
  const start = Date.now();
  const elapsed = () => `${Math.round((Date.now() - start) / 1000)} s`;
  const terminal = process.stderr.isTTY;
  process.stderr.write(`${what} …${terminal ? "" : "\n"}`);
  const ticking = setInterval(
    () => process.stderr.write(terminal ? `\r${what} … ${elapsed()}` : `  … ${elapsed()}\n`),
    terminal ? 1_000 : 15_000,
  );
  try {
    return await act();
  } finally {
    clearInterval(ticking);
    process.stderr.write(terminal ? `\r${what} … ${elapsed()}\n` : `  done after ${elapsed()}\n`);
  }
}

function fail(message, { output }) {
  // The cause stands first; npm's usage and tsc's consequences follow it.
  const first = output.trimEnd().split("\n").slice(0, 30);
  throw Object.assign(new Error([message, ...first.map((line) => `  ${line}`)].join("\n")), { expected: true });
}

/** Waits until no other set-up runs in this folder. The lock file holds the pid; a dead one's is taken over. */
async function lock(folder) {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, "setup.lock");
  const mine = `${path}.${process.pid}`;
  writeFileSync(mine, String(process.pid));
  for (let told = false; !tryLink(mine, path); await new Promise((resolve) => setTimeout(resolve, 250))) {
    const holder = holderOf(path);
    if (holder === undefined) continue;
    if (!isAlive(holder.pid) || Date.now() - holder.since > LOCK_EXPIRES_MS) takeAway(path, holder.pid);
    else if (!told) told = !!process.stderr.write(`Waiting for the set-up that process ${holder.pid} is doing …\n`);
  }
  rmSync(mine);
  return () => rmSync(path, { force: true });
}

/** link(2), unlike rename, never replaces, so it is given to one of many. */
function tryLink(from, to) {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if (error.code === "EEXIST") return false;
    throw error;
  }
}

function holderOf(path) {
  try {
    return { pid: Number(readFileSync(path, "utf8")), since: statSync(path).mtimeMs };
  } catch {
    return undefined;
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === "EPERM";
  }
}

/** Removes a dead holder's lock, and gives it back when somebody else had taken it over in between. */
function takeAway(path, pid) {
  const aside = `${path}.${process.pid}.aside`;
  try {
    renameSync(path, aside);
  } catch {
    return;
  }
  if (Number(readFileSync(aside, "utf8")) !== pid) tryLink(aside, path);
  rmSync(aside);
}
