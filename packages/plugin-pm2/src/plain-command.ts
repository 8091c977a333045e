import { basename, dirname, join, relative } from "node:path";
import type { FileSystem } from "@deployer/core";

/** An app as it was written to be started, and where its files lie. */
export interface Started {
  readonly script: string;
  readonly args: readonly string[];
  /** The folder in which it runs, and the top of the app. */
  readonly folder: string;
  readonly top: string;
}

/** What to write instead: the JavaScript file that would run in the end. */
export interface Plain {
  readonly script: string;
  readonly args: readonly string[];
  readonly nodeArgs: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

const MANAGERS = new Set(["npm", "yarn", "pnpm", "bun"]);
const RUNNERS = new Set(["npx", "bunx"]);
// Whatever needs a shell is no plain command.
const SHELL = /[&|;<>$`()*?\\]/;
const DEPTH = 3;

/** Follows `npm start`, `npx next start`, `node_modules/.bin/next` to the file behind it; `undefined` when it is no plain command. */
export async function plainCommand(fs: FileSystem, started: Started): Promise<Plain | undefined> {
  const words = [...started.script.split(/\s+/).filter(Boolean), ...started.args];
  return resolve(fs, started, words, {}, DEPTH);
}

/** As a person writes it into an ecosystem file. */
export function writePlain({ script, args, nodeArgs, env }: Plain): string {
  const parts = [
    `script: ${JSON.stringify(script)}`,
    ...(args.length === 0 ? [] : [`args: ${JSON.stringify(args.join(" "))}`]),
    ...(nodeArgs.length === 0 ? [] : [`node_args: ${JSON.stringify(nodeArgs.join(" "))}`]),
    ...(Object.keys(env).length === 0 ? [] : [`env: ${JSON.stringify(env)} (beside what is there)`]),
    'exec_mode: "cluster"',
  ];
  return parts.join(", ");
}

async function resolve(
  fs: FileSystem,
  place: Started,
  words: readonly string[],
  env: Readonly<Record<string, string>>,
  depth: number,
): Promise<Plain | undefined> {
  const [given, ...rest] = words;
  const first = given?.startsWith("/") && !given.includes("node_modules") ? basename(given) : given;
  if (first === undefined || depth === 0) return undefined;
  const variable = /^([A-Za-z_]\w*)=(.*)$/.exec(first);
  if (variable !== null)
    return resolve(fs, place, rest, { ...env, [variable[1] as string]: variable[2] as string }, depth);
  if (first === "cross-env") return resolve(fs, place, rest, env, depth);
  if (RUNNERS.has(first)) return resolve(fs, place, rest, env, depth - 1);
  if (MANAGERS.has(first)) {
    const command = await commandOf(fs, place, rest);
    return command === undefined ? undefined : resolve(fs, place, command, env, depth - 1);
  }
  if (first === "node") {
    const at = rest.findIndex((word) => !word.startsWith("-"));
    const script = rest[at];
    return script === undefined
      ? undefined
      : { script: script.replace(/^\.\//, ""), args: rest.slice(at + 1), nodeArgs: rest.slice(0, at), env };
  }
  const bin = await binOf(fs, place, first.replace(/^.*node_modules\/\.bin\//, ""));
  return bin === undefined ? undefined : { script: bin, args: rest, nodeArgs: [], env };
}

/** The words of the package's script that a manager would run. */
async function commandOf(fs: FileSystem, { folder }: Started, words: readonly string[]): Promise<string[] | undefined> {
  const plain = words.filter((word) => word !== "--" && word !== "run" && word !== "run-script" && word !== "--silent");
  const [name, ...more] = plain;
  if (name === undefined || name.startsWith("-")) return undefined;
  const { scripts } = (await packageIn(fs, folder)) as { scripts?: Record<string, unknown> };
  const command = scripts?.[name];
  if (typeof command !== "string" || SHELL.test(command)) return undefined;
  return [...command.split(/\s+/).filter(Boolean), ...more];
}

/** The file behind a program that a dependency brings, relative to the app's folder. */
async function binOf(fs: FileSystem, { folder, top }: Started, name: string): Promise<string | undefined> {
  if (!/^[\w.-]+$/.test(name)) return undefined;
  for (let at = folder; ; at = dirname(at)) {
    const home = join(at, "node_modules", name);
    const { bin } = (await packageIn(fs, home)) as { bin?: string | Record<string, string> };
    const file = typeof bin === "string" ? bin : bin?.[name];
    if (file !== undefined) return relative(folder, join(home, file));
    if (at === top || at === dirname(at)) return undefined;
  }
}

async function packageIn(fs: FileSystem, folder: string): Promise<object> {
  const path = join(folder, "package.json");
  if ((await fs.resolve(path))?.kind !== "file") return {};
  try {
    return JSON.parse(await fs.readText(path)) as object;
  } catch {
    return {};
  }
}
