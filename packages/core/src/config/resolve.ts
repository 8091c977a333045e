import { createHash } from "node:crypto";
import { resolve } from "node:path";
import type { AppConfig } from "../plugin/contexts.ts";
import { isPluginReference, type OptionIssue, type PluginReference } from "../plugin/define-plugin.ts";
import { isText } from "../plugin/odd-answer.ts";
import type { Plugin } from "../plugin/plugin.ts";
import { registrationProblems } from "../plugin/register.ts";
import { realPlace } from "../release/real-place.ts";
import { parseShared } from "../release/shared-list.ts";
import { parseBytes } from "./bytes.ts";
import { type ConfigProblem, configError } from "./config-error.ts";
import { type ConfigInput, configSchema, RESERVED, sharedList } from "./schema.ts";

/** A config that passed: what a deployer is made of. */
export interface ResolvedConfig {
  readonly config: AppConfig;
  readonly plugins: readonly Plugin[];
  /** Names and options of the plugins as JSON, for the store and for `deployer config`. */
  readonly pluginOptions: readonly { readonly name: string; readonly options: unknown }[];
  readonly env: readonly string[];
  /** A plugin of this config made again with options that were stored as JSON; `undefined` when the config has none of that name. */
  remake(name: string, options: unknown): Plugin | undefined;
  /** Changes when anything in the config changes. */
  readonly hash: string;
}

export interface ResolveOptions {
  /** The config file's folder. */
  readonly folder: string;
  readonly environment?: string | undefined;
  /** Loads the module that a text config names; its default export is the plugin's factory. */
  readonly importPlugin?: (specifier: string) => Promise<unknown>;
}

const DEFAULT_COPY_BYTES = 4 * 2 ** 30;

/** Checks a whole config and makes its plugins. @throws ERR_CONFIG with every problem at once */
export async function resolveConfig(input: unknown, options: ResolveOptions): Promise<ResolvedConfig> {
  const problems: ConfigProblem[] = [];
  const parsed = configSchema.safeParse(input);
  if (!parsed.success) problems.push(...parsed.error.issues.flatMap((issue) => explain(issue, "")));
  const plugins = Array.isArray((input as ConfigInput | undefined)?.plugins)
    ? await resolvePlugins((input as ConfigInput).plugins, options, problems)
    : [];
  const given = (parsed.success ? parsed.data : {}) as unknown as Required<ConfigInput>;
  const list = sharedList.safeParse((input as ConfigInput | undefined)?.shared);
  const shared = list.success ? parseShared(list.data, problems) : [];
  // Also what a run would find when it registers the plugins: `deployer config` must not accept what `check` refuses.
  if (problems.length === 0) problems.push(...registrationProblems(plugins.map(({ plugin }) => plugin)));
  const root = rootOf(input, options.folder) ?? options.folder;
  if (root === "/") problems.push({ option: "root", problem: "expected a folder of the site's own, not /" });
  if (problems.length > 0) throw configError(problems, root);

  const config: AppConfig = {
    app: given.app,
    environment: options.environment ?? null,
    root: realPlace(root),
    directory: given.directory.replace(/\/+$/, ""),
    shared,
    keepReleases: given.keepReleases,
    keepFailed: given.keepFailed,
    copies:
      given.copies === false
        ? false
        : { maxBytes: parseBytes(given.copies.maxBytes ?? DEFAULT_COPY_BYTES) ?? DEFAULT_COPY_BYTES },
  };
  const pluginOptions = plugins.map(({ plugin, reference }) => ({
    name: plugin.name,
    options: plain(reference.options),
  }));
  return {
    config,
    plugins: plugins.map(({ plugin }) => plugin),
    pluginOptions,
    env: given.env,
    remake(name, stored) {
      const index = pluginOptions.findIndex((other) => other.name === name);
      const found = plugins[index];
      if (found === undefined || JSON.stringify(pluginOptions[index]?.options) === JSON.stringify(stored))
        return found?.plugin;
      return makePlugin({ ...found.reference, options: stored }, name, []) ?? found.plugin;
    },
    hash: createHash("sha256")
      .update(JSON.stringify([config, pluginOptions, given.env]))
      .digest("hex"),
  };
}

function rootOf(input: unknown, folder: string): string | undefined {
  const root = (input as ConfigInput | undefined)?.root;
  return typeof root === "string" ? resolve(folder, root) : undefined;
}

interface MadePlugin {
  readonly plugin: Plugin;
  readonly reference: PluginReference;
}

async function resolvePlugins(
  entries: readonly unknown[],
  options: ResolveOptions,
  problems: ConfigProblem[],
): Promise<MadePlugin[]> {
  const made: MadePlugin[] = [];
  for (const [index, entry] of entries.entries()) {
    const place = `plugins[${index}]`;
    const reference = await toReference(entry, place, options, problems);
    if (reference === undefined) continue;
    const plugin = makePlugin(reference, reference.name ?? place, problems);
    if (plugin === undefined) continue;
    if (made.some((other) => other.plugin.name === plugin.name)) {
      problems.push({
        option: `plugins (${plugin.name})`,
        problem: "there are two plugins of this name; give each a name of its own",
      });
    }
    made.push({ plugin, reference });
  }
  return made;
}

const PLUGIN_FORMS = 'expected what a plugin\'s factory returns, as git({ … }), or ["@deployer/plugin-git", { … }]';

async function toReference(
  entry: unknown,
  option: string,
  options: ResolveOptions,
  problems: ConfigProblem[],
): Promise<PluginReference | undefined> {
  if (isPluginReference(entry)) return entry;
  const [specifier, given] =
    typeof entry === "string" ? [entry, undefined] : Array.isArray(entry) ? (entry as unknown[]) : [];
  if (typeof specifier !== "string") {
    const bare = typeof entry === "function" ? "; call the factory: git({ … })" : "";
    problems.push({ option, problem: `${PLUGIN_FORMS}${bare}` });
    return undefined;
  }
  try {
    const module = (await options.importPlugin?.(specifier)) as { default?: unknown } | undefined;
    if (typeof module?.default === "function") {
      const reference: unknown = module.default(given);
      if (isPluginReference(reference)) return reference;
    }
    problems.push({ option, problem: `"${specifier}" is no plugin: its default export is not made by definePlugin` });
  } catch (error) {
    problems.push({
      option,
      problem: `the plugin "${specifier}" cannot be loaded (${firstLine(error)}); is it installed?`,
    });
  }
  return undefined;
}

function makePlugin(reference: PluginReference, option: string, problems: ConfigProblem[]): Plugin | undefined {
  const checked = reference.schema?.safeParse(reference.options ?? {});
  if (checked !== undefined && !checked.success) {
    problems.push(...checked.error.issues.flatMap((issue) => explain(issue, option)));
    return undefined;
  }
  try {
    const plugin = reference.factory((checked?.data ?? reference.options ?? {}) as never);
    if (isText(plugin?.name) && plugin.name !== "core") return plugin;
    problems.push({ option, problem: 'it makes no plugin: an object with a name other than "core"' });
    return undefined;
  } catch (error) {
    problems.push({ option, problem: firstLine(error) });
    return undefined;
  }
}

interface Issue extends OptionIssue {
  readonly code?: string;
  readonly keys?: readonly string[];
  readonly expected?: string;
  readonly values?: readonly unknown[];
  /** What each of several forms finds wrong. */
  readonly errors?: readonly (readonly Issue[])[];
}

function explain(issue: Issue, prefix: string): ConfigProblem[] {
  const option = issue.path.reduce<string>((path, key) => {
    return typeof key === "number" ? `${path}[${key}]` : path === "" ? String(key) : `${path}.${String(key)}`;
  }, prefix);
  if (issue.code === "invalid_union" && issue.message === "Invalid input") return explainForms(issue, option);
  if (issue.code !== "unrecognized_keys") return [{ option: option || "config", problem: issue.message }];
  return (issue.keys ?? []).map((key) => ({
    option: option === "" ? key : `${option}.${key}`,
    problem: (option === "" ? RESERVED[key] : undefined) ?? "no such option",
  }));
}

/** What is wrong with the form that was meant, which is the one with the fewest faults; else all forms. */
function explainForms({ errors = [], message }: Issue, option: string): ConfigProblem[] {
  const [meant] = errors
    .filter((faults) => faults.every(({ path, code }) => path.length > 0 || code === "unrecognized_keys"))
    .sort((a, b) => a.length - b.length);
  if (meant !== undefined) return meant.flatMap((fault) => explain(fault, option));
  const forms = errors
    .flat()
    .flatMap(({ expected, values = [] }) => expected ?? values.map((value) => JSON.stringify(value)));
  const problem = forms.length === 0 ? message : `expected ${[...new Set(forms)].join(" or ")}`;
  return [{ option: option || "config", problem }];
}

function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value ?? {}, (_key, item) => (typeof item === "function" ? "[function]" : item)));
}

function firstLine(error: unknown): string {
  return String(error instanceof Error ? error.message : error).split("\n")[0] ?? "";
}
