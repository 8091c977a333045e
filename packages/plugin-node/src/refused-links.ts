import { createHash } from "node:crypto";
import { join } from "node:path";
import type { BuildContext, SharedPath } from "@deployer/core";

/** Turbopack's refusal of links which leave the release, as a build's output tells it. */
export interface Refusal {
  /** The link's path, as Turbopack names it: relative to its own root. */
  readonly link: string;
  /** The source that names the path, when it is told. */
  readonly source: string | undefined;
}

const REFUSED =
  /Symlink (.+?)(?: could not be resolved: the symlink target)? leaves the (?:configured )?filesystem root/;
const SOURCE = /\[project\]\/(\S+)/;
const REMEMBERED = "emptyForBuild";

/** Reads a build's output line by line. */
export function refusalReader(): { read(line: string): void; refusal(): Refusal | undefined } {
  let link: string | undefined;
  let source: string | undefined;
  let last: string | undefined;
  return {
    read(line) {
      last = SOURCE.exec(line)?.[1] ?? last;
      const found = REFUSED.exec(line)?.[1];
      if (found === undefined || link !== undefined) return;
      link = found;
      source = last;
    },
    refusal: () => (link === undefined ? undefined : { link, source }),
  };
}

/** The shared directory behind which the refused link lies, if any. Turbopack's root may be above the app. */
export function refusedDirectory(refusal: Refusal, shared: readonly SharedPath[]): SharedPath | undefined {
  const link = `/${refusal.link}/`;
  return shared.find(({ path, kind }) => kind === "directory" && link.includes(`/${path}/`));
}

/** A shared directory that was refused, and for which source; when that one changes, it may be cured. */
interface Refused {
  readonly path: string;
  readonly source: string | undefined;
  readonly hash: string | undefined;
}

/** What earlier builds of this app were refused: this one begins with it empty, unless the source has changed since. */
export async function emptyRemembered(ctx: BuildContext): Promise<string[]> {
  const remembered = ctx.state.get<Refused[]>(REMEMBERED) ?? [];
  const left: Refused[] = [];
  for (const refused of remembered) {
    if (!ctx.links.shared.some(({ path }) => path === refused.path)) continue;
    if ((await hashOf(ctx, refused.source)) !== refused.hash) continue;
    left.push(refused);
    await ctx.links.empty(refused.path);
    ctx.info(`${refused.path} is empty for this build: Turbopack refused it before. ${cure(refused.source)}`);
  }
  if (left.length < remembered.length) ctx.state.set(REMEMBERED, left);
  return left.map(({ path }) => path);
}

async function hashOf({ fs, release }: BuildContext, source: string | undefined): Promise<string | undefined> {
  if (source === undefined) return undefined;
  // Turbopack's root is the app, or the top of a monorepo.
  for (const root of [release.appPath, release.path]) {
    const text = await fs.readText(join(root, source)).catch(() => undefined);
    if (text !== undefined) return createHash("sha256").update(text).digest("hex");
  }
  return undefined;
}

/** Empties what was refused, tells it and remembers it; answers whether the build may be tried again. */
export async function emptyRefused(
  ctx: BuildContext,
  refusal: Refusal | undefined,
  alreadyEmpty: readonly string[],
): Promise<boolean> {
  const entry = refusal === undefined ? undefined : refusedDirectory(refusal, ctx.links.shared);
  if (refusal === undefined || entry === undefined || alreadyEmpty.includes(entry.path)) return false;
  await ctx.links.empty(entry.path);
  const { source } = refusal;
  const others = (ctx.state.get<Refused[]>(REMEMBERED) ?? []).filter(({ path }) => path !== entry.path);
  ctx.state.set(REMEMBERED, [...others, { path: entry.path, source, hash: await hashOf(ctx, source) }]);
  ctx.warn(
    `Turbopack refuses ${refusal.link}, because the shared ${entry.path} lies outside the release. The build is repeated with ${entry.path} empty, and later ones begin so. ${cure(source)}`,
  );
  return true;
}

/** What to write in the source, so that Turbopack does not follow the path. */
export function cure(source?: string): string {
  return `To cure it, mark the path ${source === undefined ? "in the source" : `in ${source}`}: path.join(/* turbopackIgnore: true */ process.cwd(), …).`;
}
