import { isAbsolute, join, normalize } from "node:path";
import type { Context } from "@deployer/core";
import { ANSWER, askChild, childScript, cleanEnvironment } from "./child.ts";
import { pm2Error } from "./errors.ts";

/** An app as it stands in an ecosystem file: nothing is known of it yet. */
export type EcosystemApp = Readonly<Record<string, unknown>>;

const TIMEOUT_MS = 30_000;

/** The apps of a release's ecosystem file, read in a process of its own. */
export async function readEcosystem(context: Context, directory: string, file: string): Promise<EcosystemApp[]> {
  const path = isAbsolute(file) ? file : normalize(join(directory, file));
  if ((await context.fs.resolve(path))?.kind !== "file") {
    throw pm2Error("ERR_PM2_ECOSYSTEM", {
      message: `The release has no ${file}.`,
      hint: "Commit it, or correct `ecosystem` of pm2() in the config: it is relative to the app's directory.",
      details: { path },
    });
  }
  const { result, answer } = await askChild(context, {
    file: context.node.path,
    args: [childScript("ecosystem-child"), path, ANSWER],
    cwd: directory,
    env: cleanEnvironment(context),
    timeoutMs: TIMEOUT_MS,
    signal: context.signal,
  });
  context.signal.throwIfAborted();
  if (!result.ok || answer === undefined) {
    throw pm2Error("ERR_PM2_ECOSYSTEM", {
      message: `${file} cannot be read${result.timedOut ? ` within ${TIMEOUT_MS / 1000} s` : ""}:\n${context.redact(result.tail.join("\n"))}`,
      hint: `Try it as PM2 would: node -e 'console.log(require("./${file}"))' in the release.`,
      details: { path },
    });
  }
  const apps = appsIn(answer);
  if (apps.length > 0) return apps;
  throw pm2Error("ERR_PM2_ECOSYSTEM", {
    message: `${file} lists no app.`,
    hint: "It must export { apps: [{ name, script, … }] }.",
    details: { path },
  });
}

// PM2 takes { apps }, { pm2 }, a list, or one app.
function appsIn(value: unknown): EcosystemApp[] {
  if (typeof value !== "object" || value === null) return [];
  const { apps, pm2 } = value as { apps?: unknown; pm2?: unknown };
  const list = [apps ?? pm2 ?? value].flat();
  return list.filter((app): app is EcosystemApp => typeof app === "object" && app !== null && !isEmpty(app));
}

function isEmpty(value: object): boolean {
  return Object.keys(value).length === 0;
}
