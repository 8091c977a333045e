import { cpus } from "node:os";
import { join } from "node:path";
import { type Context, type Layout, plural } from "@deployer/core";
import type { AppDefinition } from "./definition.ts";
import { pm2Error } from "./errors.ts";
import { isOurs } from "./ours.ts";
import { currentDirectory } from "./read-definitions.ts";
import type { Worker } from "./worker.ts";

/** How an app gets from what PM2 runs to what is defined. */
export type Way =
  | { readonly kind: "start" }
  /** Worker by worker, in place. `added` start after that, `surplus` end when all is accepted. */
  | {
      readonly kind: "reload";
      readonly workers: readonly Worker[];
      readonly added: number;
      readonly surplus: readonly Worker[];
      /** What else than code changes, in words. */
      readonly changes: readonly string[];
    }
  /** From fork mode to cluster mode: the two cannot share a port, so the new one waits beside until the old one is gone. */
  | { readonly kind: "change-over"; readonly workers: readonly Worker[]; readonly changes: readonly string[] }
  /** PM2 has this name for something that has nothing to do with this root. */
  | { readonly kind: "refused"; readonly reasons: readonly string[] };

/** Decides by what PM2 has stored. `current` is the app's directory through the link `current`, literally. */
export function wayOf(
  app: AppDefinition,
  list: readonly Worker[],
  paths: Pick<Layout, "current" | "releases">,
  current: string,
): Way {
  const workers = list.filter((worker) => worker.name === app.name).sort(byInstance);
  if (workers.length === 0) return { kind: "start" };
  const foreign = workers.filter((worker) => !isOurs(worker, paths));
  if (foreign.length > 0) {
    return {
      kind: "refused",
      reasons: [...new Set(foreign.map(({ script }) => `PM2 runs ${script} under this name`))],
    };
  }
  const changes = changesOf(app, workers, current);
  if (app.mode === "cluster" && app.health !== undefined && workers.some(({ mode }) => mode === "fork")) {
    return { kind: "change-over", workers, changes };
  }
  const wanted = instancesWanted(app);
  return {
    kind: "reload",
    workers: workers.slice(0, wanted),
    added: Math.max(0, wanted - workers.length),
    surplus: workers.slice(wanted),
    changes,
  };
}

/** As PM2 counts: all processors for "max", that many fewer for a negative number. */
export function instancesWanted(app: Pick<AppDefinition, "instances">): number {
  const processors = cpus().length || 1;
  if (app.instances === "max" || app.instances === 0) return processors;
  return app.instances > 0 ? app.instances : Math.max(1, processors + app.instances);
}

/** The ways of all apps, unless one is refused. @throws ERR_PM2_CHANGE naming every one */
export function waysOf(
  apps: readonly AppDefinition[],
  list: readonly Worker[],
  paths: Pick<Layout, "current" | "releases">,
  current: string,
): Map<AppDefinition, Exclude<Way, { kind: "refused" }>> {
  const ways = apps.map((app) => [app, wayOf(app, list, paths, current)] as const);
  const refused = ways.flatMap(([{ name }, way]) =>
    way.kind === "refused" ? way.reasons.map((text) => ({ app: name, text })) : [],
  );
  if (refused.length === 0) return new Map(ways as [AppDefinition, Exclude<Way, { kind: "refused" }>][]);
  const names = [...new Set(refused.map(({ app }) => app))];
  throw pm2Error("ERR_PM2_CHANGE", {
    message: `${plural(names.length, "name is", "names are")} taken in PM2:\n${refused.map(({ app, text }) => `${app}: ${text}`).join("\n")}`,
    hint: `Give the app another name in its ecosystem file, or, when nobody needs the other one (this ends it at once): pm2 delete ${names.join(" ")}`,
    details: { differences: refused },
  });
}

/** Says how each app will get there, before anything is touched. @throws ERR_PM2_CHANGE */
export function tellWays(context: Context, apps: readonly AppDefinition[], list: readonly Worker[]): void {
  for (const [app, way] of waysOf(apps, list, context.paths, currentDirectory(context))) {
    context.info(`PM2 will ${describeWay(app.name, way)}`);
  }
}

/** One line for the plan. */
export function describeWay(name: string, way: Way): string {
  switch (way.kind) {
    case "start":
      return `start ${name}`;
    case "refused":
      return `stop: ${way.reasons.join("; ")}`;
    case "change-over":
      return `change ${name} over from fork to cluster mode, with a gap of some milliseconds this once${told(way.changes)}`;
    case "reload": {
      const count = plural(way.workers.length, "worker", "workers");
      const more = way.added === 0 ? "" : `, then start ${way.added} more`;
      const fewer = way.surplus.length === 0 ? "" : `, then end ${way.surplus.length}`;
      return `reload ${name} (${count})${more}${fewer}${told(way.changes)}`;
    }
  }
}

function told(changes: readonly string[]): string {
  return changes.length === 0 ? "" : `; ${changes.join(", ")}`;
}

// The first instance often has duties of its own, as timers: those with the lowest numbers stay.
function byInstance(a: Worker, b: Worker): number {
  return instanceOf(a) - instanceOf(b) || a.id - b.id;
}

function instanceOf(worker: Worker): number {
  const number = Number(worker.stored.NODE_APP_INSTANCE ?? Number.NaN);
  return Number.isNaN(number) ? Number.MAX_SAFE_INTEGER : number;
}

function changesOf(app: AppDefinition, workers: readonly Worker[], current: string): string[] {
  const cwd = join(current, app.cwd);
  const script = join(cwd, app.script);
  return [
    ...new Set(
      workers.flatMap((worker) => [
        ...(worker.cwd === cwd ? [] : [`cwd from ${worker.cwd} to ${cwd}`]),
        ...(worker.script === script ? [] : [`script from ${worker.script} to ${script}`]),
        ...(worker.mode === app.mode ? [] : [`mode from ${worker.mode} to ${app.mode}`]),
      ]),
    ),
  ];
}
