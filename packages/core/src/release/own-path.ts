import { dirname, join, relative, sep } from "node:path";
import { coreError } from "../errors/catalog.ts";
import type { FileSystem } from "../ports/file-system.ts";
import { isInside } from "./inside.ts";

/**
 * A path below a release, or another folder of the deployer's, for writing, linking or removing: none of the folders above
 * it is a link, which repository or build may have put there, and which would lead to what is live.
 * @throws ERR_FOREIGN_LINK
 */
export async function ownPath(fs: FileSystem, top: string, path: string): Promise<string> {
  if (path === top || !isInside(path, top)) throw leadsOut(path, path, top);
  const link = await linkAbove(fs, top, path);
  if (link === undefined) return path;
  throw coreError("ERR_FOREIGN_LINK", {
    message: `${path} leads through ${link}, which is a link.`,
    hint: "Remove the link from the repository, or keep the build from making it.",
    details: { path, link },
  });
}

/** The first link among the folders above a path, from `top` down; nothing need be there. */
export async function linkAbove(fs: FileSystem, top: string, path: string): Promise<string | undefined> {
  let at = top;
  for (const part of relative(top, dirname(path)).split(sep).filter(Boolean)) {
    at = join(at, part);
    if ((await fs.look(at))?.kind === "link") return at;
  }
  return undefined;
}

/**
 * The real path of something to read below a folder; links may lead to it as long as they stay inside.
 * @throws ERR_FOREIGN_LINK when one leads out, or nowhere
 */
export async function containedPath(fs: FileSystem, top: string, path: string): Promise<string> {
  if (!isInside(path, top)) throw leadsOut(path, path, top);
  const home = await fs.realPath(top);
  let at = home;
  const parts = relative(top, path).split(sep).filter(Boolean);
  for (const [index, part] of parts.entries()) {
    at = join(at, part);
    const found = await fs.look(at);
    if (found === undefined) return join(at, ...parts.slice(index + 1));
    if (found.kind !== "link") continue;
    const real = (await fs.resolve(at)) === undefined ? undefined : await fs.realPath(at);
    if (real === undefined || !isInside(real, home)) throw leadsOut(path, at, top);
    at = real;
  }
  return at;
}

function leadsOut(path: string, link: string, top: string): Error {
  return coreError("ERR_FOREIGN_LINK", {
    message: `${link} leads out of ${top}.`,
    hint: "Remove the link from the repository, or put there what it leads to.",
    details: { path, link },
  });
}
