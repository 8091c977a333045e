import { randomBytes } from "node:crypto";
import { dirname, join } from "node:path";
import { type BuildContext, type Context, extend } from "@deployer/core";
import { nodeError } from "./errors.ts";
import { foldersOf, isDependency } from "./package-json.ts";

const NAME = "NEXT_SERVER_ACTIONS_ENCRYPTION_KEY";
// What a build may read; not what is only there to be copied.
const ENV_FILE = /^\.env(?!\..*(example|sample|template|development|test))(\.|$)/;
const CONFIG = /^next\.config\.[cm]?[jt]s$/;
const SET = new RegExp(`^\\s*(?:export\\s+)?${NAME}\\s*=\\s*["']?[^\\s"'#]`, "m");
const MADE = "serverActionsKey";

/**
 * For a Next.js app: the context with the key that names and encrypts its Server Actions, the same for each build of the
 * app. With a key of its own, as Next.js makes one for each build, no release would know the actions that a page of the
 * release before calls. An app that names a key keeps its own.
 *
 * The key is made once and lies in `.deployer/keys`; it is masked in whatever the build prints.
 * @throws ERR_SERVER_ACTIONS_KEY when what lies there is no key: it is never replaced
 */
export async function withServerActionsKey(ctx: BuildContext): Promise<BuildContext> {
  if (!(await isNextApp(ctx)) || (await namesKey(ctx))) return ctx;
  const key = (await readKey(ctx)) ?? (await makeKey(ctx));
  const redact = (text: string): string => ctx.redact(text).replaceAll(key, "[redacted]");
  return extend(ctx, {
    environment: { ...ctx.environment, [NAME]: key },
    redact,
    output: (line: string) => ctx.output(redact(line)),
  }) as unknown as BuildContext;
}

async function isNextApp(ctx: BuildContext): Promise<boolean> {
  if (await isDependency(ctx.fs, ctx.release, "next")) return true;
  return (await ctx.fs.list(ctx.release.appPath)).some((name) => CONFIG.test(name));
}

/** Also above the app: in a monorepo a script may read the files of the top. */
async function namesKey(ctx: BuildContext): Promise<boolean> {
  if (ctx.environment[NAME] !== undefined) return true;
  for (const folder of foldersOf(ctx.release)) {
    for (const name of await ctx.fs.list(folder)) {
      const isEnv = ENV_FILE.test(name);
      if (!isEnv && name !== "package.json" && !CONFIG.test(name)) continue;
      const path = join(folder, name);
      const text = (await ctx.fs.resolve(path))?.kind === "file" ? await ctx.fs.readText(path) : "";
      if (isEnv ? SET.test(text) : text.includes(NAME)) return true;
    }
  }
  return false;
}

async function readKey(ctx: Context): Promise<string | undefined> {
  const path = keyPath(ctx);
  if ((await ctx.fs.look(path)) === undefined) return undefined;
  const text = await ctx.fs.readText(path).catch((error: unknown) => refuse(path, "cannot be read", error));
  const key = text.trim();
  if (!isKey(key)) refuse(path, "holds no key (base64 of 32 bytes)");
  ctx.state.set(MADE, true);
  return key;
}

/** An AES key, as Next.js takes it. */
function isKey(text: string): boolean {
  const bytes = Buffer.from(text, "base64");
  return [16, 24, 32].includes(bytes.length) && bytes.toString("base64") === text;
}

async function makeKey(ctx: Context): Promise<string> {
  const path = keyPath(ctx);
  const key = randomBytes(32).toString("base64");
  await ctx.fs.makeDirectory(dirname(path), 0o700);
  await ctx.fs.writeAtomic(path, `${key}\n`, 0o600);
  if (ctx.state.get(MADE) === true)
    ctx.warn(`${path} is gone, and a new key was made: Server Actions of pages that are open now fail once.`);
  else
    ctx.info(`Made the key of the app's Server Actions, ${path}: pages that are open can call them in later releases.`);
  ctx.state.set(MADE, true);
  return key;
}

function keyPath({ paths }: Context): string {
  return join(paths.state, "keys", "next-server-actions");
}

function refuse(path: string, what: string, cause?: unknown): never {
  throw nodeError("ERR_SERVER_ACTIONS_KEY", {
    message: `${path} ${what}.`,
    hint: "Restore it from a backup, or remove it: then a new key is made, and pages that are open must be reloaded once.",
    details: { path },
    ...(cause === undefined ? {} : { cause }),
  });
}
