// Completes a package-lock.json with the packages of other platforms. npm leaves out what its registry does not
// have, and then `npm ci` stops with "Missing: … from lock file", there or elsewhere.
//
//   node scripts/lockfile.mjs [FOLDER]     writes what is missing, drops registry addresses
//   node scripts/lockfile.mjs --check      says what is missing, and fails

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const args = process.argv.slice(2);
const check = args.includes("--check");
const file = join(args.find((arg) => !arg.startsWith("--")) ?? ".", "package-lock.json");
const lock = JSON.parse(readFileSync(file, "utf8"));

const problems = [];
for (const [path, dependent] of Object.entries(lock.packages)) {
  if (/^https?:/.test(dependent.resolved ?? "")) {
    problems.push(`${path} names a registry: ${dependent.resolved}`);
    delete dependent.resolved;
  }
  for (const [name, range] of Object.entries(dependent.optionalDependencies ?? {})) {
    if (find(path, name)) continue;
    const platform = platformOf(name);
    if (!platform || !/^\d+\.\d+\.\d+/.test(range)) {
      problems.push(`${name} ${range} of ${path} is missing, and its name does not tell its platform: add it by hand`);
      continue;
    }
    problems.push(`${name} ${range} of ${path} is missing`);
    // In npm's own order, so that the next `npm install` leaves it as it is.
    const entry = { ...platform, ...(dependent.dev ? { dev: true } : {}), optional: true };
    const fields = Object.entries(entry).sort(([a], [b]) => a.localeCompare(b, "en"));
    lock.packages[`node_modules/${name}`] = { version: range, ...Object.fromEntries(fields) };
  }
}

if (check) {
  if (problems.length > 0) console.error([...problems, "Cure: node scripts/lockfile.mjs"].join("\n"));
  process.exitCode = problems.length > 0 ? 1 : 0;
} else if (problems.length > 0) {
  const { "": root, ...rest } = lock.packages;
  const sorted = Object.entries(rest).sort(([a], [b]) => a.localeCompare(b, "en"));
  writeFileSync(
    file,
    `${JSON.stringify({ ...lock, packages: { "": root, ...Object.fromEntries(sorted) } }, null, 2)}\n`,
  );
  console.log(`${file}: ${problems.length} mended.`);
}

/** The entry that Node's lookup finds for `name` from the package at `path`. */
function find(path, name) {
  for (let folder = path; ; folder = folder.slice(0, Math.max(folder.lastIndexOf("/node_modules/"), 0))) {
    const found = lock.packages[`${folder === "" ? "" : `${folder}/`}node_modules/${name}`];
    if (found || folder === "") return found;
  }
}

/** `@scope/tool-linux-x64-musl` → linux, x64, musl. */
function platformOf(name) {
  const [, os, cpu, abi = ""] =
    /(?:^|[-/])(aix|android|darwin|freebsd|linux|linuxmusl|netbsd|openbsd|openharmony|sunos|win32|windows)-(arm64|arm|ia32|loong64|mips64el|ppc64|riscv64|s390x|x64)(?:-([a-z]+))?$/.exec(
      name,
    ) ?? [];
  if (!os) return undefined;
  const musl = os === "linuxmusl" || abi.startsWith("musl");
  return {
    cpu: [cpu],
    ...(musl ? { libc: ["musl"] } : abi.startsWith("gnu") && os === "linux" ? { libc: ["glibc"] } : {}),
    os: [os === "linuxmusl" ? "linux" : os === "windows" ? "win32" : os],
  };
}
