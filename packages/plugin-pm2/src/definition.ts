import { basename, isAbsolute, join, normalize, relative } from "node:path";
import { type HealthCheckOptions, httpCheck, type OutsideCheck, outsideCheck } from "@deployer/core";
import type { EcosystemApp } from "./ecosystem.ts";
import type { Pm2AppOptions, Pm2Options } from "./options.ts";
import { fieldsRefused, pm2FieldsAmong } from "./pm2-fields.ts";

/** An app as the deployer understands it. */
export interface AppDefinition {
  readonly name: string;
  readonly mode: "cluster" | "fork";
  /** Where it runs, relative to the app's directory; "" is the directory itself. */
  readonly cwd: string;
  /** Relative to `cwd`. */
  readonly script: string;
  readonly args: readonly string[];
  readonly nodeArgs: readonly string[];
  readonly instances: number | "max";
  readonly env: Readonly<Record<string, string>>;
  /** What runs the script in fork mode; unless given, what PM2 takes for its kind of file. */
  readonly interpreter: string | undefined;
  /** Over HTTP, on the private socket of each worker. */
  readonly health: HealthCheckOptions | undefined;
  /** In its place: a port or a command. No private socket, so it does not say which worker is well. */
  readonly outside: OutsideCheck | undefined;
  readonly listenTimeoutMs: number | undefined;
  readonly killTimeoutMs: number | undefined;
  /** What else the ecosystem file says, for PM2 alone. */
  readonly rest: Readonly<Record<string, unknown>>;
}

/** Something in a definition that cannot be accepted. */
export interface DefinitionProblem {
  readonly app: string;
  readonly fork: boolean;
  readonly message: string;
  readonly hint: string;
  /** The program that would start the app; what to write instead can be found where the release's files are. */
  readonly program?: { readonly script: string; readonly args: readonly string[]; readonly cwd: string };
}

export interface Definitions {
  readonly apps: readonly AppDefinition[];
  readonly problems: readonly DefinitionProblem[];
  /** What was decided for the user. */
  readonly notes: readonly string[];
}

/** Where the files of a release lie: its app's directory, and the same through `current`. */
export interface Places {
  readonly directory: string;
  readonly current: string;
  /** How many folders the app's directory lies below the top of the release: 2 for "apps/web". */
  readonly depth: number;
}

const OURS = [
  ["name", "script", "exec", "cmd", "command", "args", "cwd", "env", "exec_mode", "instances"],
  ["node_args", "interpreterArgs", "interpreter_args", "wait_ready", "listen_timeout", "kill_timeout"],
  [
    "merge_logs",
    "combine_logs",
    "interpreter",
    "exec_interpreter",
    "append_env_to_name",
    "watch",
    "autorestart",
    "port",
  ],
].flat();

const PROGRAMS = new Set(["npm", "npx", "yarn", "pnpm", "bun", "bunx", "next", "node", "sh", "bash"]);

/** The apps of an ecosystem file, or those of the options when there is none, with every problem they have. */
export function definitionsOf(
  ecosystem: readonly EcosystemApp[] | undefined,
  options: Pm2Options,
  places: Places,
): Definitions {
  const problems: DefinitionProblem[] = [];
  const notes: string[] = [];
  const raw = ecosystem ?? Object.entries(options.apps ?? {}).map(([name, app]) => fromOptions(name, app));
  const names = raw.map(nameOf);
  const apps = raw.map((app, index) => {
    const name = names[index] as string;
    const said = options.apps?.[name]?.health ?? (raw.length === 1 ? options.health : undefined);
    const check = said ?? (isNext(app) ? NEXT_HEALTH : undefined);
    const problem: Refuse = (message, hint, more = {}) => {
      problems.push({ app: name, fork: false, message, hint, ...more });
    };
    if (names.indexOf(name) !== index) problem(`two apps are named "${name}"`, "Give each a name of its own.");
    if (said === undefined && check !== undefined) notes.push(`${name} runs Next.js and has no health check: ${ASKED}`);
    const health = httpCheck(check);
    const outside = outsideCheck(check);
    // A command may look at a process that serves nobody, a queue's worker say: that one may have a gap.
    const serves = health !== undefined || (outside !== undefined && "tcp" in outside);
    const mode = modeOf(app, serves, problem);
    if (serves && app.exec_mode === undefined && mode === "cluster" && app.instances === undefined) {
      notes.push(`${name} has no exec_mode: it runs in cluster mode, because it has a health check`);
    }
    refuseUnsafe(app, serves, problem);
    const env = environmentOf(app, options.env);
    const fields = pm2FieldsAmong(Object.keys(env));
    if (fields.length > 0) problem(fieldsRefused(fields).message, fieldsRefused(fields).hint);
    const cwd = cwdOf(app, places, problem);
    const definition: AppDefinition = {
      name,
      mode,
      cwd,
      script: scriptOf(app, places, cwd, problem),
      args: words(app.args),
      nodeArgs: words(app.node_args ?? app.interpreter_args ?? app.interpreterArgs),
      instances: instancesOf(app),
      env,
      interpreter: textOf(app.interpreter ?? app.exec_interpreter),
      health,
      outside,
      listenTimeoutMs: numberOf(app.listen_timeout),
      killTimeoutMs: numberOf(app.kill_timeout),
      rest: Object.fromEntries(Object.entries(app).filter(([key]) => !OURS.includes(key) && !key.startsWith("env_"))),
    };
    return definition;
  });
  if (options.health !== undefined && raw.length > 1) {
    problems.push({
      app: names.join(", "),
      fork: false,
      message: `one health check is given for ${raw.length} apps`,
      hint: `Say whose it is: pm2({ apps: { ${JSON.stringify(names[0])}: { health: … } } }).`,
    });
  }
  for (const name of Object.keys(options.apps ?? {})) {
    if (!names.includes(name))
      problems.push({
        app: name,
        fork: false,
        message: `the ecosystem file has no app "${name}"`,
        hint: `It has: ${names.join(", ")}.`,
      });
  }
  return { apps, problems, notes };
}

// A start page may redirect, ask for a password or be missing; what cannot serve answers 500 and above.
const NEXT_HEALTH = { path: "/", status: "200-499" } as const;
const ASKED = "it is asked for / and must not answer 500 or above. A route that looks at its databases proves more";

// `next start` as PM2 should have it. One that is said to run in fork mode is left as it is, and has its gap.
function isNext(app: EcosystemApp): boolean {
  const isFork = typeof app.exec_mode === "string" && app.exec_mode.startsWith("fork");
  return !isFork && /(^|\/)node_modules\/next\/dist\/bin\/next$/.test(scriptField(app) ?? "");
}

type Refuse = (message: string, hint: string, more?: Partial<Pick<DefinitionProblem, "fork" | "program">>) => void;

function fromOptions(name: string, app: Pm2AppOptions): EcosystemApp {
  const { script, args, instances, env, nodeArgs } = app;
  return { name, script, args, instances, env, node_args: nodeArgs };
}

function nameOf(app: EcosystemApp): string {
  const script = scriptField(app) ?? "";
  return typeof app.name === "string" && app.name !== "" ? app.name : basename(script).replace(/\.[^.]*$/, "");
}

function scriptField(app: EcosystemApp): string | undefined {
  const script = app.script ?? app.exec ?? app.cmd ?? app.command;
  return typeof script === "string" ? script : undefined;
}

function modeOf(app: EcosystemApp, hasHealth: boolean, problem: Refuse): "cluster" | "fork" {
  const said = typeof app.exec_mode === "string" ? app.exec_mode.replace(/_mode$/, "") : undefined;
  if (said === "fork" && hasHealth) {
    problem(
      "it runs in fork mode, in which PM2 stops the old process before it starts the new one",
      'Write exec_mode: "cluster" (one instance is enough), or leave out its health check and accept the gap.',
      { fork: true },
    );
  }
  if (said === "cluster" || said === "fork") return said;
  return hasHealth || app.instances !== undefined ? "cluster" : "fork";
}

function refuseUnsafe(app: EcosystemApp, hasHealth: boolean, problem: Refuse): void {
  if (app.watch) problem("watch is on: PM2 would restart workers in the middle of a deployment", "Leave watch out.");
  if (!hasHealth) return;
  if (app.autorestart === false || app.autorestart === "false") {
    problem("autorestart is off, so PM2 could not bring the previous release back", "Leave autorestart out.");
  }
  const interpreter = app.interpreter ?? app.exec_interpreter;
  if (interpreter !== undefined && !/(^|\/)node$/.test(String(interpreter))) {
    problem(
      `its interpreter is ${String(interpreter)}; in cluster mode PM2 runs everything with its daemon's Node`,
      "Leave interpreter out, and point script at a JavaScript file.",
    );
  }
}

// Whatever leads into this release, or through `current`, as seen from the app's directory. In a monorepo what the app
// runs may lie above it: "../../node_modules/next/dist/bin/next".
function inRelease(path: string, { directory, current, depth }: Places): string | undefined {
  const parts = isAbsolute(path) ? [directory, current].map((base) => relative(base, path)) : [trim(normalize(path))];
  return parts.find((part) => part.split("/").filter((step) => step === "..").length <= depth);
}

function trim(path: string): string {
  return path === "." ? "" : path.replace(/\/$/, "");
}

function cwdOf(app: EcosystemApp, places: Places, problem: Refuse): string {
  if (app.cwd === undefined || app.cwd === "") return "";
  const cwd = inRelease(String(app.cwd), places);
  if (cwd === undefined)
    problem(
      `its cwd ${String(app.cwd)} lies outside the release`,
      "Leave cwd out: the app runs in the release. For a subfolder write it relative.",
    );
  return cwd ?? "";
}

function scriptOf(app: EcosystemApp, places: Places, cwd: string, problem: Refuse): string {
  const given = scriptField(app);
  if (given === undefined) {
    problem("it has no script", 'Name a JavaScript file of the release: script: "server.js".');
    return "";
  }
  const first = given.split(/\s/)[0] as string;
  const program = isAbsolute(first) && !first.includes("/node_modules/") ? basename(first) : first;
  if (PROGRAMS.has(program) || first.includes("node_modules/.bin/")) {
    problem(
      `its script is "${given}", a program that would start the app as its child: PM2 could neither share the port nor drain it`,
      'Name the JavaScript file itself; for Next.js: script: "node_modules/next/dist/bin/next", args: "start".',
      { program: { script: given, args: words(app.args), cwd } },
    );
    return given;
  }
  // PM2 resolves a script against cwd.
  const inApp = inRelease(isAbsolute(given) ? given : join(cwd, given), places);
  if (inApp === undefined) {
    problem(`its script ${given} lies outside the release`, "Write it relative to the release.");
    return given;
  }
  const base = "/release".repeat(places.depth + 1);
  return relative(join(base, cwd), join(base, inApp));
}

function instancesOf(app: EcosystemApp): number | "max" {
  const given = app.instances;
  if (given === "max" || given === 0 || given === "0") return "max";
  const count = Number.parseInt(String(given ?? 1), 10);
  return Number.isNaN(count) ? 1 : count;
}

function environmentOf(app: EcosystemApp, name: string | undefined): Record<string, string> {
  const port = numberOf(app.port);
  return {
    ...(port === undefined ? {} : { PORT: String(port) }),
    ...strings(app.env),
    ...(name === undefined ? {} : strings(app[`env_${name}`])),
  };
}

function strings(env: unknown): Record<string, string> {
  const entries = Object.entries(typeof env === "object" && env !== null ? env : {});
  return Object.fromEntries(
    entries
      .filter(([, value]) => value !== undefined && value !== null)
      .map(([key, value]) => [key, typeof value === "object" ? JSON.stringify(value) : String(value)]),
  );
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

function numberOf(value: unknown): number | undefined {
  const number = Number(value);
  return value === undefined || value === null || Number.isNaN(number) ? undefined : number;
}

// As PM2 does: split at spaces, quotes hold together.
function words(value: unknown): string[] {
  if (Array.isArray(value)) return value.map(String);
  if (typeof value !== "string") return value === undefined || value === null ? [] : [String(value)];
  return (value.match(/(?:[^\s"']+|"[^"]*"|'[^']*')+/g) ?? []).map((word) =>
    word.replace(/"([^"]*)"|'([^']*)'/g, "$1$2"),
  );
}
