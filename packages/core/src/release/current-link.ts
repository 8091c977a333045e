import { randomUUID } from "node:crypto";
import { basename, dirname, join, relative } from "node:path";
import { coreError } from "../errors/catalog.ts";
import type { FileSystem } from "../ports/file-system.ts";
import type { Layout } from "./layout.ts";

/**
 * The id of the release that `current` points at, or `undefined` when there is no link.
 * @throws ERR_CURRENT_IS_DIRECTORY when something else is there
 */
export async function currentId(fs: FileSystem, paths: Layout): Promise<string | undefined> {
  const found = await fs.look(paths.current);
  if (found === undefined) return undefined;
  if (found.kind !== "link") throw notALink(paths, found.kind);
  return basename(await fs.readLink(paths.current));
}

/**
 * Points `current` at a release. Readers see the old target or the new one, never none.
 * The link is made under a name of its own, so that one left by a crashed run cannot block this one.
 */
export async function switchCurrent(fs: FileSystem, paths: Layout, id: string): Promise<void> {
  await replaceLink(fs, relative(dirname(paths.current), join(paths.releases, id)), paths.current, paths.state);
}

/** Makes `current` again what it was, word for word; with no text it was not there. Does nothing when it is so already. */
export async function restoreCurrent(fs: FileSystem, paths: Layout, link: string | undefined): Promise<void> {
  const found = await fs.look(paths.current);
  if (link === undefined) {
    if (found === undefined) return;
    if (found.kind !== "link") throw notALink(paths, found.kind); // whatever a person put there meanwhile
    await fs.remove(paths.current);
    return fs.syncDirectory(paths.root);
  }
  if (found?.kind === "link" && (await fs.readLink(paths.current)) === link) return;
  await replaceLink(fs, link, paths.current, paths.state);
}

function notALink({ current }: Layout, kind: string): Error {
  return coreError("ERR_CURRENT_IS_DIRECTORY", {
    message: `${current} is a real ${kind}, not a link to a release.`,
    hint: `Move it away once: mv ${current} ${current}.before-deployer`,
    details: { path: current },
  });
}

/** Puts a symbolic link at `path` in one step, whatever link or file is there. `workshop` lies on the same file system. */
export async function replaceLink(fs: FileSystem, target: string, path: string, workshop: string): Promise<void> {
  const temporary = join(workshop, `link-${randomUUID()}`);
  await fs.link(target, temporary);
  try {
    await fs.rename(temporary, path);
  } catch (error) {
    await fs.remove(temporary);
    throw error;
  }
  await fs.syncDirectory(dirname(path));
}
