import { join } from "node:path";
import { type Context, type Layout, namedHere } from "@deployer/core";
import { type DefinitionProblem, type Definitions, definitionsOf } from "./definition.ts";
import { type EcosystemApp, readEcosystem } from "./ecosystem.ts";
import { pm2Error } from "./errors.ts";
import type { Pm2Options } from "./options.ts";
import { plainCommand, writePlain } from "./plain-command.ts";

/** The fields of an app that hold a path: its folder, and its script by all its names. */
const PATHS = ["cwd", "script", "exec", "cmd", "command"];

/** The literal path of the app's directory through `current`: what PM2 must be given as cwd. */
export function currentDirectory({ paths, config }: Context): string {
  return config.directory === "." ? paths.current : join(paths.current, config.directory);
}

/** How many folders the app's directory lies below the top of a release. */
export function depthOf({ config }: Pick<Context, "config">): number {
  return config.directory === "." ? 0 : config.directory.split("/").length;
}

/** The apps that a release defines. With a problem it rejects, naming all of them. */
export async function readDefinitions(context: Context, directory: string, options: Pm2Options): Promise<Definitions> {
  const ecosystem =
    options.ecosystem === undefined
      ? undefined
      : (await readEcosystem(context, directory, options.ecosystem)).map((app) => withNamesOf(context.paths, app));
  const depth = depthOf(context);
  const definitions = definitionsOf(ecosystem, options, { directory, current: currentDirectory(context), depth });
  const problems = await Promise.all(definitions.problems.map((problem) => withCure(context, directory, problem)));
  for (const app of definitions.apps) {
    const script = join(directory, app.cwd, app.script);
    if (problems.some((problem) => problem.app === app.name) || (await context.fs.resolve(script))?.kind === "file")
      continue;
    problems.push({
      app: app.name,
      fork: false,
      message: `its script ${join(app.cwd, app.script)} is not in the release`,
      hint: "Is it made by a build that did not run, or named relative to another folder?",
    });
  }
  if (problems.length === 0) return definitions;
  throw pm2Error(problems.every((problem) => problem.fork) ? "ERR_PM2_FORK" : "ERR_PM2_DEFINITION", {
    message: problems.map(({ app, message }) => `${app}: ${message}.`).join("\n"),
    hint: [...new Set(problems.map(({ hint }) => hint))].join("\n"),
    details: { problems: problems.map(({ app, message, hint }) => ({ app, message, hint })) },
  });
}

/** An ecosystem file may name the root by another path than the config. */
function withNamesOf(paths: Layout, app: EcosystemApp): EcosystemApp {
  const given = PATHS.flatMap((name) => (typeof app[name] === "string" ? [[name, app[name]] as const] : []));
  return { ...app, ...Object.fromEntries(given.map(([name, path]) => [name, namedHere(paths, path)])) };
}

/** For a program that starts the app, the very line to write, as far as the release's files tell it. */
async function withCure(context: Context, directory: string, problem: DefinitionProblem): Promise<DefinitionProblem> {
  if (problem.program === undefined) return problem;
  const { script, args, cwd } = problem.program;
  const top = join(directory, "../".repeat(depthOf(context)));
  const plain = await plainCommand(context.fs, { script, args, folder: join(directory, cwd), top });
  return plain === undefined ? problem : { ...problem, hint: `For ${problem.app} write: ${writePlain(plain)}` };
}
