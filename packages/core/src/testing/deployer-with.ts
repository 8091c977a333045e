import { lstatSync, readlinkSync } from "node:fs";
import { basename } from "node:path";
import { type ResolvedConfig, resolveConfig } from "../config/resolve.ts";
import type { ConfigInput } from "../config/schema.ts";
import { Deployer, type DeployerOptions } from "../lifecycle/deployer.ts";
import { definePlugin, isPluginReference, type PluginReference } from "../plugin/define-plugin.ts";
import type { Plugin } from "../plugin/plugin.ts";
import type { Layout } from "../release/layout.ts";
import { type MemoryRemote, memoryRemote } from "./memory-remote.ts";
import { type RecordingReporter, recordingReporter } from "./recording-reporter.ts";
import { temporaryRoot } from "./temporary.ts";

export interface DeployerWith {
  /** Plugins as objects, or as a config has them. */
  readonly plugins?: readonly (Plugin | PluginReference)[];
  /** The rest of the config. */
  readonly config?: Partial<Omit<ConfigInput, "plugins">>;
  /** Answers where the ref stands, before the plugins do; `false`: one of the plugins does. @default memoryRemote() */
  readonly remote?: MemoryRemote | false;
  /** A root that is there already and stays; otherwise a temporary one is made. */
  readonly root?: string;
  readonly options?: DeployerOptions;
}

/** A deployer on a root of its own: `await using app = await deployerWith({ plugins: [mine] })`. */
export interface TestDeployer extends AsyncDisposable {
  readonly deployer: Deployer;
  readonly resolved: ResolvedConfig;
  readonly root: string;
  readonly paths: Layout;
  readonly remote: MemoryRemote;
  readonly reporter: RecordingReporter;
  /** The id of the release that is served. */
  current(): string | undefined;
  /** Another deployer on the same root, with what is given in the place of what was; as the next run of the command. */
  with(changes: DeployerWith): Promise<TestDeployer>;
  /** Removes the root, if it was made here. */
  remove(): Promise<void>;
}

/** Makes a deployer from plugins in memory. Root, releases, store and lock are real. @throws ERR_CONFIG */
export async function deployerWith(given: DeployerWith = {}): Promise<TestDeployer> {
  const temporary = given.root === undefined ? temporaryRoot() : undefined;
  const root = given.root ?? (temporary?.path as string);
  const remote = given.remote || memoryRemote();
  const plugins = given.remote === false ? (given.plugins ?? []) : [remote.plugin, ...(given.plugins ?? [])];
  try {
    const resolved = await resolveConfig(
      { app: "shop", root, ...given.config, plugins: plugins.map(reference) },
      { folder: root },
    );
    const reporter = recordingReporter();
    const reporters = [reporter, ...(given.options?.reporters ?? [])];
    const deployer = new Deployer(resolved, { ...given.options, reporters });
    const remove = async (): Promise<void> => temporary?.remove();
    return {
      deployer,
      resolved,
      root,
      paths: deployer.paths,
      remote,
      reporter,
      current: () => linked(deployer.paths.current),
      with: (changes) =>
        deployerWith({
          ...given,
          remote: given.remote === false ? false : remote,
          ...changes,
          root: changes.root ?? root,
        }),
      remove,
      [Symbol.asyncDispose]: remove,
    };
  } catch (error) {
    await temporary?.remove();
    throw error;
  }
}

function reference(plugin: Plugin | PluginReference): PluginReference {
  return isPluginReference(plugin) ? plugin : definePlugin(() => plugin)();
}

function linked(path: string): string | undefined {
  return lstatSync(path, { throwIfNoEntry: false }) === undefined ? undefined : basename(readlinkSync(path));
}
