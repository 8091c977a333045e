import { createRequire } from "node:module";
import { dirname } from "node:path";
import { pathToFileURL } from "node:url";
import { coreError, nodeFileSystem, type ResolvedConfig, refuseWritableConfig, resolveConfig } from "@deployer/core";
import { type LoadConfigOptions, loadConfig as loadWithC12 } from "c12";
import { cliError } from "../errors.ts";
import { findConfig } from "./find-config.ts";
import { overlay } from "./overlay.ts";
import { nameFormat } from "./share-modules.ts";

export interface LoadedConfig {
  readonly file: string;
  readonly resolved: ResolvedConfig;
}

/**
 * Reads, overlays and checks the config.
 * @throws ERR_CONFIG_MISSING, ERR_CONFIG_LOAD, ERR_INSECURE_MODE, ERR_CONFIG with every problem at once
 */
export async function loadConfig(
  named: string | undefined,
  environment: string | undefined,
  cwd: string,
): Promise<LoadedConfig> {
  const file = await findConfig(named, cwd);
  await refuseWritableConfig(nodeFileSystem, file);
  using _ = printingToStderr();
  const input = withoutEnvironments(await read(file, environment));
  const resolved = await resolveConfig(input, {
    folder: dirname(file),
    environment,
    importPlugin: (specifier) => importPlugin(specifier, file),
  });
  return { file, resolved };
}

/** What a config prints while it is loaded goes to stderr: stdout is the command's, and with --json it is one object. */
function printingToStderr(): Disposable {
  const { write } = process.stdout;
  process.stdout.write = process.stderr.write.bind(process.stderr);
  return {
    [Symbol.dispose]() {
      process.stdout.write = write;
    },
  };
}

async function read(file: string, environment: string | undefined): Promise<unknown> {
  nameFormat(pathToFileURL(file).href);
  let isFunction = false;
  // c12 reads every format; modules go through Node's own import and type stripping, for which jiti is the fallback.
  const jiti = {
    import: async (id: string) => {
      const module: { default?: unknown } = await importModule(id);
      if (module.default === undefined) throw noDefaultExport();
      isFunction = typeof module.default === "function";
      return module.default;
    },
  } as unknown as NonNullable<LoadConfigOptions["jiti"]>;
  try {
    const { config } = await loadWithC12({
      name: "deployer",
      cwd: dirname(file),
      configFile: file,
      // No other file may supply options, and no config downloads code.
      rcFile: false,
      globalRc: false,
      packageJson: false,
      dotenv: false,
      extend: false,
      giget: false,
      configFileRequired: true,
      envName: environment ?? false,
      context: { env: environment } as never,
      merger: (...sources) =>
        sources.reduceRight((base, over) => overlay(base, over ?? undefined) as typeof base, undefined) as never,
      jiti,
    });
    if (
      environment !== undefined &&
      !isFunction &&
      (config as Record<string, unknown>)[`$${environment}`] === undefined
    ) {
      throw cliError("ERR_CONFIG_LOAD", {
        message: `${file} knows no environment "${environment}".`,
        hint: `Add "$${environment}": { … } to it, or make it a function: defineConfig(({ env }) => …).`,
      });
    }
    return config;
  } catch (error) {
    if (error instanceof Error && "exitCode" in error) throw error;
    throw cliError("ERR_CONFIG_LOAD", {
      message: `${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`,
      hint: "Correct the file; `node FILE` shows where a module fails.",
      details: { file },
      cause: error,
    });
  }
}

async function importModule(path: string): Promise<{ default?: unknown }> {
  const { href } = pathToFileURL(path);
  // c12 has parsers of its own for the other text formats; JSON it leaves to the import.
  if (path.endsWith(".json")) return import(href, { with: { type: "json" } });
  try {
    return (await import(href)) as { default?: unknown };
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX")) throw error;
  }
  // Enums, parameter properties and the like need more than the stripping of types.
  const { createJiti } = await import("jiti");
  return createJiti(import.meta.url, {
    fsCache: false,
    moduleCache: false,
    virtualModules: await ourModules(),
  }).import(path);
}

/** jiti resolves by itself and would not see that `@deployer/*` means the modules of the running command. */
async function ourModules(): Promise<Record<string, unknown>> {
  const manifest = createRequire(import.meta.url)("@deployer/cli/package.json") as { dependencies: object };
  const names = Object.keys(manifest.dependencies).filter((name) => name.startsWith("@deployer/"));
  return Object.fromEntries(await Promise.all(names.map(async (name) => [name, await import(name)])));
}

function withoutEnvironments(input: unknown): unknown {
  if (typeof input !== "object" || input === null) throw noDefaultExport();
  return Object.fromEntries(Object.entries(input).filter(([key]) => !key.startsWith("$")));
}

function noDefaultExport(): Error {
  return coreError("ERR_CONFIG", {
    message: "The config file has no default export.",
    hint: "export default defineConfig({ … })",
  });
}

/** `@deployer/*` comes from the running command; anything else from where the config lies. */
async function importPlugin(specifier: string, configFile: string): Promise<unknown> {
  if (specifier.startsWith("@deployer/")) return import(specifier);
  return import(pathToFileURL(createRequire(configFile).resolve(specifier)).href);
}
