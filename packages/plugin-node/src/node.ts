import { join, relative } from "node:path";
import {
  type BuildContext,
  containedPath,
  DeployError,
  definePlugin,
  EXIT,
  entryFor,
  extend,
  type PluginFactory,
  runCommand,
  type UndoHandle,
} from "@deployer/core";
import { askWorkers } from "./after-switch.ts";
import { addBeforeBuild } from "./early-files.ts";
import { nodeError, type nodeErrors } from "./errors.ts";
import { removeLinkedModules } from "./linked-modules.ts";
import { findNextBuild } from "./next-build.ts";
import { checkNodeEngine } from "./node-engine.ts";
import { type NodeOptions, nodeOptionsSchema } from "./options.ts";
import { hasDependencies, readPackageJson } from "./package-json.ts";
import { findInstallation, type Installation, installCommand, type ManagerName } from "./package-manager.ts";
import { emptyRefused, emptyRemembered, refusalReader } from "./refused-links.ts";
import { compareServerActions } from "./server-actions.ts";
import { withServerActionsKey } from "./server-actions-key.ts";
import { repairStandalone } from "./standalone.ts";
import { addOldStaticFiles, rememberServed } from "./static-files.ts";
import { forgetPages, forgetTrial, lookBeforeTrial, removeTraces, type Untried } from "./trial-traces.ts";

const NPM_ERROR = /^npm (error|ERR!) /;
const SHOWN_ERRORS = 8;

type Optional = "build" | "staticFolder";

/** Installs the dependencies of a release and builds it, with the package manager of its lockfile. */
export const node: PluginFactory<NodeOptions | undefined> = definePlugin<NodeOptions | undefined>(
  (given) => {
    const options = given as Required<Omit<NodeOptions, Optional>> & Pick<NodeOptions, Optional>;
    /** How releases were before their trial, for the activation of the same run. */
    const untried = new Map<string, { readonly before: Untried; readonly handle: UndoHandle }>();
    return {
      name: "node",

      async plan() {
        return [...(options.install ? ["install exactly what the lockfile says"] : []), ...buildPlan(options.build)];
      },

      build: [
        {
          step: "install",
          async handler(ctx) {
            await checkNodeEngine(ctx);
            if (options.install) await install(ctx, options.installTimeoutMs);
          },
        },
        {
          step: "build",
          async handler(ctx) {
            if (options.build === false) return;
            if (options.staticFolder === undefined) await addBeforeBuild(ctx, options.keepStatic);
            await build(await withServerActionsKey(ctx), options.build, options.buildTimeoutMs);
          },
        },
        {
          step: "frameworks",
          async handler(ctx) {
            const next = await findNextBuild(ctx.fs, ctx.release);
            if (next !== undefined) {
              await repairStandalone(ctx, next);
              await compareServerActions(ctx, next.dist);
            }
            if (options.keepStatic > 0) await addOldStaticFiles(ctx, ctx.release, options);
          },
        },
      ],

      rollback: {
        step: "static files",
        async handler(ctx) {
          if (options.keepStatic > 0) await addOldStaticFiles(ctx, ctx.release, options);
        },
      },

      gate: {
        step: "before the trial",
        async handler(ctx) {
          let before: Untried | undefined;
          const handle = ctx.undo("remove the traces of the trial", async () => {
            // A new release is removed when its run fails; an older one stays, and must be as it was.
            if (ctx.run.kind === "rollback" && before !== undefined) await removeTraces(ctx, ctx.release, before);
            await forgetTrial(ctx);
          });
          before = await lookBeforeTrial(ctx, ctx.release);
          untried.set(ctx.release.id, { before, handle });
        },
      },

      activate: {
        order: "pre",
        step: "after the trial",
        async handler(ctx) {
          const tried = untried.get(ctx.release.id);
          if (tried === undefined) return forgetPages(ctx, await findNextBuild(ctx.fs, ctx.release));
          await removeTraces(ctx, ctx.release, tried.before);
          await forgetTrial(ctx);
          // From here the release is the live workers': what they write is theirs.
          tried.handle.drop();
        },
      },

      async cleanup(ctx) {
        rememberServed(ctx, ctx.release, options.keepStatic);
        await askWorkers(ctx, options.afterSwitch);
      },
    };
  },
  nodeOptionsSchema,
  "node",
);

async function install(ctx: BuildContext, timeoutMs: number): Promise<void> {
  const installation = await findInstallation(ctx.fs, ctx.release);
  if (installation === undefined) return refuseWithoutLockfile(ctx);
  const inApp = relative(ctx.release.appPath, installation.lockfile);
  if (entryFor(ctx.config.shared, inApp) !== undefined) {
    throw nodeError("ERR_LOCKFILE_SHARED", {
      message: `The lockfile ${inApp} lies at a shared path.`,
      hint: "Take it out of `shared`: it belongs to the revision.",
    });
  }
  await containedPath(ctx.fs, ctx.release.path, installation.lockfile);
  await checkManager(ctx, installation);
  await removeLinkedModules(ctx, installation.directory);
  await attempt(ctx, "ERR_INSTALL_FAILED", installCommand(installation), installation.directory, timeoutMs);
}

/** An app without dependencies needs no lockfile. */
async function refuseWithoutLockfile(ctx: BuildContext): Promise<void> {
  const pkg = await readPackageJson(ctx.fs, ctx.release.appPath);
  if (pkg === undefined || !hasDependencies(pkg)) return ctx.info("The app has no dependencies: nothing to install.");
  throw nodeError("ERR_LOCKFILE_MISSING", {
    message: `${ctx.release.appPath} has dependencies and no lockfile, nor has a folder above it in the release.`,
    hint: "Make one (npm install), commit it and push.",
  });
}

async function build(
  ctx: BuildContext,
  wanted: string | readonly string[] | undefined,
  timeoutMs: number,
): Promise<void> {
  if (typeof wanted === "object") return buildTwice(ctx, wanted, timeoutMs);
  const script = wanted ?? "build";
  const pkg = await readPackageJson(ctx.fs, ctx.release.appPath);
  if (pkg?.scripts?.[script] === undefined) {
    if (wanted === undefined) return ctx.info('package.json has no script "build": nothing to build.');
    throw nodeError("ERR_SCRIPT_MISSING", {
      message: `package.json has no script "${script}"; it has ${Object.keys(pkg?.scripts ?? {}).join(", ") || "none"}.`,
      hint: "Correct `build` of the node plugin, or add the script.",
    });
  }
  const manager: ManagerName = (await findInstallation(ctx.fs, ctx.release))?.manager ?? "npm";
  await buildTwice(ctx, [manager, "run", script], timeoutMs);
}

/** Once more with an empty directory, when Turbopack refused what stands there. */
async function buildTwice(ctx: BuildContext, command: readonly string[], timeoutMs: number): Promise<void> {
  const empty = await emptyRemembered(ctx);
  const reader = refusalReader();
  const reading = extend(ctx, {
    output: (line: string) => {
      reader.read(line);
      ctx.output(line);
    },
  }) as unknown as BuildContext;
  try {
    await attempt(reading, "ERR_BUILD_FAILED", command, ctx.release.appPath, timeoutMs);
  } catch (error) {
    if (!(await emptyRefused(ctx, reader.refusal(), empty))) throw error;
    await attempt(ctx, "ERR_BUILD_FAILED", command, ctx.release.appPath, timeoutMs);
  }
}

/** @throws ERR_PACKAGE_MANAGER when it is missing, or of another major version than package.json asks for */
async function checkManager(ctx: BuildContext, { manager, version, directory }: Installation): Promise<void> {
  const found = await ctx.runner.run({
    file: manager,
    args: ["--version"],
    cwd: directory,
    env: environment(ctx),
    timeoutMs: 60_000,
    signal: ctx.signal,
  });
  const has = found.stdout.trim();
  if (found.ok && (version === undefined || has.split(".")[0] === version.split(".")[0])) return;
  ctx.signal.throwIfAborted();
  throw nodeError("ERR_PACKAGE_MANAGER", {
    message: found.ok
      ? `The app asks for ${manager}@${version}; PATH has ${has}.`
      : `The app is installed by ${manager}, which is not on PATH.`,
    hint: `npm install --global ${manager}@${version ?? "latest"}`,
    details: { manager, asked: version, found: has },
  });
}

async function attempt(
  ctx: BuildContext,
  code: keyof typeof nodeErrors,
  command: readonly string[],
  cwd: string,
  timeoutMs: number,
): Promise<void> {
  const [file = "", ...args] = command;
  const errors: string[] = [];
  const output = (line: string): void => {
    if (NPM_ERROR.test(line) && errors.length < SHOWN_ERRORS) errors.push(ctx.redact(line));
    ctx.output(line);
  };
  try {
    await runCommand({ ...ctx, output }, { file, args, cwd, env: environment(ctx), timeoutMs });
  } catch (error) {
    if (!(error instanceof DeployError) || error.exitCode !== EXIT.undone) throw error;
    // npm says first what is wrong and then, for twenty lines, how it is used.
    const missed = errors.filter((line) => !error.message.includes(line));
    const message = missed.length === 0 ? error.message : `${missed.join("\n")}\n${error.message}`;
    const { hint, details, mayPass } = error;
    throw nodeError(code, { message, hint, details, mayPass, cause: error });
  }
}

/** Node's compile cache is given a private folder: its default is a predictable one in /tmp. */
function environment(ctx: BuildContext): Record<string, string> {
  return { ...ctx.environment, NODE_COMPILE_CACHE: join(ctx.paths.cache, "compile"), NEXT_TELEMETRY_DISABLED: "1" };
}

/** Nothing is fetched yet, so nothing is known of the package.json. */
function buildPlan(build: NodeOptions["build"]): string[] {
  if (build === false) return [];
  if (build === undefined) return ['run the script "build", where package.json has one'];
  return [typeof build === "string" ? `run the script "${build}"` : `run ${build.join(" ")}`];
}
