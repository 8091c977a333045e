import { readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { parseEnv } from "node:util";
import { isSetting, isTooShort, standsByChance } from "./ordinary-values.ts";
import { isSecret, isSecretName } from "./secret-names.ts";

type Environment = Readonly<Record<string, string | undefined>>;

export interface SecretSources {
  /** The deployer's own environment: what is secret by its name. */
  readonly environment: Environment;
  /** Names of variables that are handed to commands: any value that is not an ordinary one. */
  readonly passed?: readonly string[];
  /** The shared folder and its paths: of its env files, any value that is not an ordinary one. */
  readonly shared?: { readonly folder: string; readonly paths: readonly string[] };
  /** Options of plugins: what is secret by its name, and the passwords of addresses. */
  readonly options?: unknown;
}

/** The values that must not be printed, each line of those that have several. */
export function knownSecrets({ environment, passed = [], shared, options }: SecretSources): Set<string> {
  const secrets = new Set<string>();
  for (const [name, value] of Object.entries(environment)) {
    if (isSecretName(name)) add(secrets, name, value ?? "");
  }
  for (const name of passed) add(secrets, name, environment[name] ?? "");
  for (const path of shared?.paths ?? []) {
    if (!isEnvFile(path)) continue;
    for (const [name, value] of Object.entries(read(join(shared?.folder ?? "", path)))) add(secrets, name, value ?? "");
  }
  addOptions(secrets, "", options);
  return secrets;
}

function addOptions(secrets: Set<string>, name: string, value: unknown): void {
  if (typeof value === "string") {
    if (isSecret(name, value)) add(secrets, name, value);
    else for (const password of passwordOf(value)) addPart(secrets, password);
  } else if (typeof value === "object" && value !== null) {
    for (const [key, item] of Object.entries(value)) addOptions(secrets, Array.isArray(value) ? name : key, item);
  }
}

function add(secrets: Set<string>, name: string, value: string): void {
  for (const password of passwordOf(value)) addPart(secrets, password);
  const isNamed = isSecret(name, value);
  if (!isNamed && standsByChance(value)) return;
  addPart(secrets, value);
  // What is written with "\n" in a file is printed either way.
  for (const line of value.split(/\r?\n|\\n/)) if (isNamed || !standsByChance(line)) addPart(secrets, line);
}

/** As it is, and as it stands in JSON and in an address. */
function addPart(secrets: Set<string>, text: string): void {
  const part = text.trim();
  if (isTooShort(part) || isSetting(part) || isBoundary(part)) return;
  secrets.add(part).add(JSON.stringify(part).slice(1, -1)).add(encoded(part));
}

function encoded(text: string): string {
  try {
    return encodeURIComponent(text);
  } catch {
    return text; // half a character
  }
}

/** The password of an address may be printed without it. */
function passwordOf(value: string): string[] {
  const password = /^[a-z][\w+.-]*:\/\/[^\s/:]*:(\S+)@/i.exec(value)?.[1];
  if (password === undefined) return [];
  try {
    return [password, decodeURIComponent(password)];
  } catch {
    return [password];
  }
}

/** `-----BEGIN PRIVATE KEY-----` is the same of every key. */
function isBoundary(line: string): boolean {
  return line.startsWith("-----");
}

function isEnvFile(path: string): boolean {
  const name = basename(path);
  return /^\.env(\.|$)/.test(name) || name.endsWith(".env");
}

function read(file: string): Environment {
  try {
    return parseEnv(readFileSync(file, "utf8"));
  } catch {
    return {}; // not there, or no file
  }
}
