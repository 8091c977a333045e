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

/** What earlier builds of this app were refused: this one begins with it empty. */
export async function emptyRemembered(ctx: BuildContext): Promise<string[]> {
  const paths = (ctx.state.get<string[]>(REMEMBERED) ?? []).filter((path) =>
    ctx.links.shared.some((entry) => entry.path === path),
  );
  for (const path of paths) {
    await ctx.links.empty(path);
    ctx.info(`${path} is empty for this build: Turbopack refused it before. ${cure()}`);
  }
  return paths;
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
  ctx.state.set(REMEMBERED, [...new Set([...(ctx.state.get<string[]>(REMEMBERED) ?? []), entry.path])]);
  ctx.warn(
    `Turbopack refuses ${refusal.link}, because the shared ${entry.path} lies outside the release. The build is repeated with ${entry.path} empty, and so is every build from now on. ${cure(refusal.source)}`,
  );
  return true;
}

/** What to write in the source, so that Turbopack does not follow the path. */
export function cure(source?: string): string {
  return `To cure it, mark the path ${source === undefined ? "in the source" : `in ${source}`}: path.join(/* turbopackIgnore: true */ process.cwd(), …).`;
}
