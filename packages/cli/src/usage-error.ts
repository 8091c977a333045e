import { DeployError } from "@deployer/core";
import { Errors } from "@oclif/core";
import { cliError } from "./errors.ts";
import { nearest } from "./nearest.ts";

/** What oclif's parser says of a command line, as an error of ours; any other error as it is. */
export function usageError(error: unknown): unknown {
  if (error instanceof DeployError || !(error instanceof Errors.CLIError)) return error;
  const meant = unknownFlags(error).flatMap((flag) => nearest(flag, knownFlags(error)) ?? []);
  const see = "See `deployer --help`.";
  return cliError("ERR_USAGE", {
    message: messageOf(error),
    hint: meant.length === 0 ? see : `Did you mean ${meant.join(", ")}? ${see}`,
    cause: error,
  });
}

function messageOf(error: Errors.CLIError): string {
  const flags = unknownFlags(error);
  if (flags.length > 0) return `Unknown ${flags.length === 1 ? "flag" : "flags"}: ${flags.join(", ")}.`;
  const [first = "", ...rest] = error.message.split("\n");
  // "Parsing --limit", and the reason in the line that follows.
  const [, flag] = /^Parsing (--\S+)\s*$/.exec(first) ?? [];
  if (flag !== undefined) return `${flag} ${(rest[0] ?? "").trim()}`;
  // "Missing 1 required arg:" has their names in the lines that follow.
  const isList = first.startsWith("Missing");
  return isList ? [first, ...rest.filter((line) => line !== "" && !line.startsWith("See more"))].join("\n") : first;
}

/** oclif's errors of parsing carry what was parsed. */
interface ParseError {
  readonly flags?: unknown;
  readonly parse?: { readonly input?: { readonly flags?: Readonly<Record<string, { readonly char?: string }>> } };
}

function unknownFlags(error: Errors.CLIError): string[] {
  const { flags } = error as ParseError;
  return error.constructor.name === "NonExistentFlagsError" && Array.isArray(flags) ? flags.map(String) : [];
}

function knownFlags(error: Errors.CLIError): string[] {
  return Object.keys((error as ParseError).parse?.input?.flags ?? {}).map((name) => `--${name}`);
}
