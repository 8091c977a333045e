import { readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { parseEnv } from "node:util";
import { isOrdinary, isSetting, isTooShort } from "./ordinary-values.ts";
import { isSecret, isSecretName } from "./secret-names.ts";

type Environment = Readonly<Record<string, string | undefined>>;

export interface SecretSources {
  /** The deployer's own environment: what is secret by its name. */
  readonly environment: Environment;
  /** Names of variables that are handed to commands: any value that is not an ordinary one. */
  readonly passed?: readonly string[];
  /** The shared folder and its paths: of its env files, any value that is not an ordinary one. */
  readonly shared?: { readonly folder: string; readonly paths: readonly string[] };
}

/** The values that must not be printed, each line of those that have several. */
export function knownSecrets({ environment, passed = [], shared }: SecretSources): Set<string> {
  const secrets = new Set<string>();
  for (const [name, value] of Object.entries(environment)) {
    if (isSecretName(name)) add(secrets, name, value ?? "");
  }
  for (const name of passed) add(secrets, name, environment[name] ?? "");
  for (const path of shared?.paths ?? []) {
    if (!isEnvFile(path)) continue;
    for (const [name, value] of Object.entries(read(join(shared?.folder ?? "", path)))) add(secrets, name, value ?? "");
  }
  return secrets;
}

function add(secrets: Set<string>, name: string, value: string): void {
  const isIt = isSecret(name, value) || !isOrdinary(value);
  // What is written with "\n" in a file is printed either way.
  const parts = isIt ? [value, ...value.split(/\r?\n|\\n/)] : [];
  for (const part of [...parts, ...passwordOf(value)].map((text) => text.trim()))
    if (!isTooShort(part) && !isSetting(part) && !isBoundary(part)) secrets.add(part);
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
