import { configSchema, coreErrors, type ErrorCatalog, EXIT } from "@deployer/core";
import { drizzleErrors, drizzleOptionsSchema } from "@deployer/plugin-drizzle";
import { gitErrors, gitOptionsSchema } from "@deployer/plugin-git";
import { nodeErrors, nodeOptionsSchema } from "@deployer/plugin-node";
import { pm2Errors, pm2OptionsSchema } from "@deployer/plugin-pm2";
import type { z } from "zod";
import { commandClass } from "../../packages/cli/src/command-class.ts";
import Check from "../../packages/cli/src/commands/check.ts";
import Config from "../../packages/cli/src/commands/config.ts";
import Cron from "../../packages/cli/src/commands/cron.ts";
import Deploy from "../../packages/cli/src/commands/deploy.ts";
import History from "../../packages/cli/src/commands/history.ts";
import Releases from "../../packages/cli/src/commands/releases.ts";
import Reload from "../../packages/cli/src/commands/reload.ts";
import Rollback from "../../packages/cli/src/commands/rollback.ts";
import Status from "../../packages/cli/src/commands/status.ts";
import Types from "../../packages/cli/src/commands/types.ts";
import { cliErrors } from "../../packages/cli/src/errors.ts";
import { databaseCommands } from "../../packages/plugin-drizzle/src/commands.ts";
import { optionTable } from "./options.ts";

/** The reference pages that are made from the code, by file name. */
export function generatedPages(): Readonly<Record<string, string>> {
  return { "configuration.md": configuration(), "commands.md": commands(), "errors.md": errors() };
}

const MADE = "<!-- Made from the code by `npm run docs`; a test fails when the two differ. -->";

function configuration(): string {
  const plugins: [string, string, z.ZodType][] = [
    ["git", "@deployer/plugin-git", gitOptionsSchema],
    ["node", "@deployer/plugin-node", nodeOptionsSchema],
    ["drizzle", "@deployer/plugin-drizzle", drizzleOptionsSchema],
    ["pm2", "@deployer/plugin-pm2", pm2OptionsSchema],
  ];
  const sections = plugins.flatMap(([name, module, schema]) => [
    `## ${name}`,
    `From \`${module}\`.`,
    optionTable(schema),
  ]);
  return page([
    "# Configuration",
    MADE,
    'The config is `deployer.config.*` of the folder in which the command runs, or the file that `--config` names; `.ts`, `.mts`, `.js`, `.mjs`, `.json`, `.jsonc`, `.json5`, `.yaml`, `.yml` and `.toml` are read. It lies outside the repository that it deploys. In JSON, YAML and TOML a plugin is `["@deployer/plugin-git", { … }]`.',
    "For several environments the config is a function, `defineConfig(({ env }) => …)`, or has overlays, `$staging: { … }`; both are chosen by `--env staging`. In an overlay arrays replace, objects merge, and plugins merge one by one.",
    "Paths are relative to the app inside the repository (`directory`), `root` to the config file.",
    "## The app",
    optionTable(configSchema),
    ...sections,
  ]);
}

interface CommandClass {
  readonly id?: string;
  readonly name: string;
  readonly summary?: string;
  readonly description?: string;
  readonly args?: Readonly<Record<string, { readonly description?: string; readonly required?: boolean }>>;
  readonly flags?: Readonly<Record<string, Flag>>;
  readonly baseFlags?: Readonly<Record<string, Flag>>;
  readonly examples?: readonly unknown[];
}

interface Flag {
  readonly char?: string;
  readonly summary?: string;
  readonly type?: string;
  readonly default?: unknown;
  readonly allowNo?: boolean;
}

function commands(): string {
  const classes = [
    Check,
    Deploy,
    Rollback,
    Reload,
    Status,
    Releases,
    History,
    Config,
    Cron,
    Types,
  ] as unknown as CommandClass[];
  return page([
    "# Commands",
    MADE,
    "Every command takes these flags, and `--json`, with which it answers with one object on standard output. Text, object and exit code tell the same story; the exit codes are in [errors.md](errors.md).",
    flagTable(Check.baseFlags as CommandClass["flags"]),
    ...classes.flatMap(describeCommand),
    "Plugins add commands: `deployer <topic> <command>`. `deployer --help` lists those of the config's plugins. The drizzle plugin has these:",
    ...Object.entries(databaseCommands({ databases: {} }))
      .map(([name, command]) => commandClass({ topic: "db", name, plugin: "drizzle", command }, undefined))
      .flatMap((command) => describeCommand(command as unknown as CommandClass)),
  ]);
}

function describeCommand(command: CommandClass): string[] {
  const args = Object.entries(command.args ?? {});
  const usage = [
    "deployer",
    command.id ?? command.name.toLowerCase(),
    ...args.map(([name, { required }]) => (required ? name.toUpperCase() : `[${name.toUpperCase()}]`)),
  ];
  const own = Object.keys(command.flags ?? {}).length > 0 ? [flagTable(command.flags)] : [];
  const argLines = args.map(([name, { description }]) => `- \`${name.toUpperCase()}\`: ${description}`);
  const examples = (command.examples ?? []).map((example) =>
    String(example).replaceAll("<%= config.bin %>", "deployer"),
  );
  return [
    `## ${usage.join(" ")}`,
    command.summary ?? "",
    ...(command.description === undefined ? [] : [command.description]),
    ...(argLines.length > 0 ? [argLines.join("\n")] : []),
    ...own,
    ...(examples.length > 0 ? [`\`\`\`sh\n${examples.join("\n")}\n\`\`\``] : []),
  ];
}

function flagTable(flags: CommandClass["flags"]): string {
  const rows = Object.entries(flags ?? {}).map(([flag, { char, summary, type, default: given, allowNo }]) => {
    const name = allowNo && given === true ? `[no-]${flag}` : flag;
    const value = type === "boolean" ? "" : ` ${name.toUpperCase()}`;
    const note = type === "boolean" || given === undefined ? "" : ` Default: ${String(given)}.`;
    return `| ${char === undefined ? "" : `\`-${char}\`, `}\`--${name}${value}\` | ${summary ?? ""}${note} |`;
  });
  return ["| flag | what it does |", "|---|---|", ...rows].join("\n");
}

const EXIT_MEANINGS: Readonly<Record<keyof typeof EXIT, string>> = {
  ok: "deployed, rolled back, reloaded, up to date or held: the outcome says which",
  defect: "a defect of the deployer or of a plugin: please report it with the log",
  unfit: "the config, the command line or the machine is not fit; nothing was begun, or all was undone",
  locked: "another run holds the lock; try later",
  undone: "failed and undone; what was serving still serves",
  notUndone: "failed and could not be fully undone; a person must look",
  noRelease: "no such release to return to, or not a safe one",
  unreachable: "the remote could not be asked; tried again by the next check",
  interrupted: "interrupted by a signal, and undone",
};

function errors(): string {
  const catalogs: [string, ErrorCatalog][] = [
    ["Core", coreErrors],
    ["Command line", cliErrors],
    ["git", gitErrors],
    ["node", nodeErrors],
    ["drizzle", drizzleErrors],
    ["pm2", pm2Errors],
  ];
  const exits = Object.entries(EXIT).map(
    ([name, number]) => `| ${number} | ${EXIT_MEANINGS[name as keyof typeof EXIT]} |`,
  );
  return page([
    "# Errors",
    MADE,
    "Each error has a stable code, a message that says what happened with its values, and a hint that says what to do next. `--json` has them in `error`, with `details` for programs.",
    "## Exit codes",
    ["| exit | meaning |", "|---|---|", ...exits].join("\n"),
    ...catalogs.flatMap(([name, catalog]) => [
      `## ${name}`,
      ...Object.entries(catalog).map(([code, { exit, about }]) => `### ${code}\n\nExit ${EXIT[exit]}. ${about}`),
    ]),
  ]);
}

function page(parts: readonly string[]): string {
  return `${parts.filter((part) => part !== "").join("\n\n")}\n`;
}
