import { join } from "node:path";
import type { AppDefinition } from "./definition.ts";
import { pm2Error } from "./errors.ts";
import type { Worker } from "./worker.ts";

/** What a reload cannot take in: the app runs under this name, but in another way than it is defined now. */
export function differencesOf(app: AppDefinition, workers: readonly Worker[], current: string): string[] {
  const cwd = join(current, app.cwd);
  const script = join(cwd, app.script);
  const differences = workers.flatMap((worker) => [
    ...(worker.cwd === cwd ? [] : [`its cwd is ${worker.cwd} instead of ${cwd}`]),
    ...(worker.script === script ? [] : [`its script is ${worker.script} instead of ${script}`]),
    ...(worker.mode === app.mode ? [] : [`it runs in ${worker.mode} mode instead of ${app.mode} mode`]),
  ]);
  return [...new Set(differences)];
}

/** Stops a run before anything is touched when PM2 runs one of the apps in a way that a reload would silently keep. */
export function refuseDifferences(apps: readonly AppDefinition[], list: readonly Worker[], current: string): void {
  const found = apps.flatMap((app) => {
    const workers = list.filter((worker) => worker.name === app.name);
    return differencesOf(app, workers, current).map((text) => ({ app: app.name, text }));
  });
  if (found.length === 0) return;
  const names = [...new Set(found.map(({ app }) => app))];
  throw pm2Error("ERR_PM2_CHANGE", {
    message: `A reload cannot change how PM2 runs ${names.join(" and ")}:\n${found.map(({ app, text }) => `${app}: ${text}`).join("\n")}`,
    hint: `Take it out of PM2 in a quiet moment and deploy again; it is down meanwhile: pm2 delete ${names.join(" ")}`,
    details: { differences: found },
  });
}

/** What is not taken in yet, in words for a warning. */
export function instanceWarnings(apps: readonly AppDefinition[], list: readonly Worker[]): string[] {
  return apps.flatMap((app) => {
    const running = list.filter((worker) => worker.name === app.name).length;
    if (
      running === 0 ||
      app.mode === "fork" ||
      app.instances === "max" ||
      app.instances < 1 ||
      app.instances === running
    )
      return [];
    return [
      `${app.name} is defined with ${app.instances} instances, and ${running} run: a deployment does not change that yet. Do it with: pm2 scale ${app.name} ${app.instances}`,
    ];
  });
}
