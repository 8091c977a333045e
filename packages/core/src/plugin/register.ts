import { type ConfigProblem, configError } from "../config/config-error.ts";
import { createHooks, type Hooks } from "../lifecycle/hooks.ts";
import { STAGES, type StageName } from "../lifecycle/stages.ts";
import { answeredShared, copiedShared } from "../release/answered-shared.ts";
import { checkedRevision } from "./answers.ts";
import { isText } from "./odd-answer.ts";
import { inOrder, type Placed } from "./placement.ts";
import type { Plugin, StageHandlers } from "./plugin.ts";

interface Tap<Stage extends StageName> extends Placed {
  readonly step: string;
  readonly order?: "pre" | "post";
  readonly handler: StageHandlers[Stage];
}

const OTHER_MEMBERS = ["name", "preflight", "plan", "status", "downtime", "rollForward", "recover", "commands"];

/**
 * Taps every handler of every plugin, always with `tapPromise`: an async function given to tapable's `tap` is not
 * awaited and fails in silence. `switchCurrent` is core's own part of activate.
 * @throws ERR_CONFIG for unknown stages and places
 */
export function registerPlugins(
  hooks: Hooks,
  plugins: readonly Plugin[],
  switchCurrent: StageHandlers["activate"],
): void {
  const problems = tapAll(hooks, plugins, switchCurrent);
  if (problems.length > 0) throw configError(problems);
}

/** What `registerPlugins` would refuse, before there is a run. */
export function registrationProblems(plugins: readonly Plugin[]): ConfigProblem[] {
  return tapAll(createHooks(), plugins, async () => undefined);
}

function tapAll(hooks: Hooks, plugins: readonly Plugin[], switchCurrent: StageHandlers["activate"]): ConfigProblem[] {
  const problems: ConfigProblem[] = plugins.flatMap((plugin) => [...unknownMembers(plugin), ...oddEntries(plugin)]);
  const names = plugins.map((plugin) => plugin.name);
  const taps = <Stage extends StageName>(stage: Stage): Tap<Stage>[] => {
    try {
      return inOrder(
        plugins.flatMap((plugin) => tapsOf(plugin, stage)),
        names,
      );
    } catch (error) {
      problems.push({ option: `plugins (${stage})`, problem: (error as Error).message });
      return [];
    }
  };

  for (const { plugin, step, handler } of taps("detect"))
    hooks.detect.tapPromise(step, (call) => call.step(plugin, step, handler, checkedRevision) as never);
  for (const { plugin, step, handler } of taps("link")) {
    hooks.link.tapPromise(step, (paths, call) =>
      call.step(
        plugin,
        step,
        // A list of its own: what it does to that one changes nothing of what others share.
        (context) => handler(copiedShared(paths), context),
        (answer) => answeredShared(paths, answer, plugin),
      ),
    );
  }
  for (const stage of ["prepare", "build", "gate", "migrate", "cleanup", "rollback"] as const) {
    for (const { plugin, step, handler } of taps(stage)) {
      hooks[stage].tapPromise(step, (call) => call.step(plugin, step, handler as (context: unknown) => Promise<void>));
    }
  }
  const activate = taps("activate");
  for (const tap of activate) {
    if (tap.order === undefined)
      problems.push({ option: `plugins (${tap.plugin})`, problem: 'its activate must say order: "pre" or "post"' });
  }
  const core: Tap<"activate"> = { plugin: "core", step: "switch-current", handler: switchCurrent };
  for (const { plugin, step, handler } of [...activate.filter(isPre), core, ...activate.filter((tap) => !isPre(tap))]) {
    hooks.activate.tapPromise(step, (call) => call.step(plugin, step, handler));
  }
  return problems;
}

function isPre(tap: { readonly order?: string }): boolean {
  return tap.order === "pre";
}

function tapsOf<Stage extends StageName>(plugin: Plugin, stage: Stage): Tap<Stage>[] {
  const list = entriesOf(plugin, stage).filter(isEntry) as (StageHandlers[Stage] | Omit<Tap<Stage>, "plugin">)[];
  return list.map((item) =>
    typeof item === "function"
      ? // Called as a method, so that a plugin may use `this`.
        ({ plugin: plugin.name, step: plugin.name, handler: item.bind(plugin) } as unknown as Tap<Stage>)
      : { ...item, plugin: plugin.name, step: item.step ?? plugin.name },
  );
}

function oddEntries(plugin: Plugin): ConfigProblem[] {
  return STAGES.flatMap((stage) =>
    entriesOf(plugin, stage)
      .filter((item) => !isEntry(item))
      .map(() => ({
        option: `plugins (${plugin.name})`,
        problem: `its ${stage} must be a function, or { handler }; a step is named by text`,
      })),
  );
}

function entriesOf(plugin: Plugin, stage: StageName): unknown[] {
  const entry = (plugin as Record<string, unknown>)[stage];
  if (entry === undefined) return [];
  return Array.isArray(entry) ? entry : [entry];
}

function isEntry(item: unknown): boolean {
  if (typeof item === "function") return true;
  const { handler, step } = (item ?? {}) as { readonly handler?: unknown; readonly step?: unknown };
  return typeof handler === "function" && (step === undefined || isText(step));
}

function unknownMembers(plugin: Plugin): ConfigProblem[] {
  const known: readonly string[] = [...STAGES, ...OTHER_MEMBERS];
  return Object.keys(plugin)
    .filter((member) => !known.includes(member))
    .map((member) => ({
      option: `plugins (${plugin.name})`,
      problem: `"${member}" is no stage; there are ${STAGES.join(", ")}`,
    }));
}
