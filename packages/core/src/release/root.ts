import { dirname } from "node:path";
import { coreError } from "../errors/catalog.ts";
import { isFullDisk } from "../errors/full-disk.ts";
import { userName } from "../lock/user-name.ts";
import type { FileSystem } from "../ports/file-system.ts";
import { currentId } from "./current-link.ts";
import type { Layout } from "./layout.ts";

const WRITABLE_BY_OTHERS = 0o002;
const STICKY = 0o1000;

/**
 * Makes the folders of a root and checks that they are this user's own.
 * @throws ERR_ROOT_NOT_WRITABLE, ERR_OTHER_OWNER, ERR_INSECURE_MODE, ERR_CURRENT_IS_DIRECTORY
 */
export async function prepareRoot(fs: FileSystem, paths: Layout): Promise<void> {
  if (process.platform !== "linux") {
    throw coreError("ERR_PLATFORM", {
      message: `This is ${process.platform}; the deployer runs on Linux.`,
      hint: "Run it on the server.",
    });
  }
  await checkOwner(fs, paths);
  try {
    await fs.makeDirectory(paths.root);
    await fs.makeDirectory(paths.state, 0o711);
    for (const path of [paths.releases, paths.shared]) await fs.makeDirectory(path);
    for (const path of [paths.logs, paths.cache, paths.sockets, paths.migrations, paths.snapshots])
      await fs.makeDirectory(path, 0o700);
    await fs.makeDirectory(paths.preload, 0o755);
    await fs.writeAtomic(`${paths.state}/.writable`, "");
    await fs.remove(`${paths.state}/.writable`);
  } catch (error) {
    throw notWritable(paths, error as NodeJS.ErrnoException);
  }
  await refuseWritable(fs, paths.root, paths.state, paths.releases, paths.shared);
  await currentId(fs, paths);
}

/** A full disk is told as what it is. */
function notWritable({ root }: Layout, error: NodeJS.ErrnoException): Error {
  if (isFullDisk(error)) return error;
  return coreError("ERR_ROOT_NOT_WRITABLE", {
    message: `${root} cannot be written to by ${userName()}: ${error.message}`,
    hint: whatToMend(root, error),
    details: { root },
    cause: error,
  });
}

function whatToMend(root: string, { code, path }: NodeJS.ErrnoException): string {
  if (code === "EROFS") return `Its file system is mounted read-only: findmnt --target ${root}`;
  if (code === "EEXIST" || code === "ENOTDIR")
    return `No folder is there, but a file or a link that leads nowhere. Look, and move it away: ls -ld ${path ?? root}`;
  return `Give it to that user: sudo mkdir -p ${root} && sudo chown ${process.getuid?.()} ${root}`;
}

/** Whoever can write one of these can run code as the deployer's user. @throws ERR_INSECURE_MODE naming all of them */
async function refuseWritable(fs: FileSystem, ...paths: readonly string[]): Promise<void> {
  const found = await Promise.all(paths.map((path) => fs.resolve(path)));
  const open = paths.filter((_path, index) => isWritable(found[index]?.mode ?? 0));
  if (open.length === 0) return;
  throw coreError("ERR_INSECURE_MODE", {
    message: `Every user of this machine can write to ${open.join(" and ")}.`,
    hint: `chmod o-w ${open.join(" ")}`,
    details: { paths: open },
  });
}

function isWritable(mode: number): boolean {
  return (mode & WRITABLE_BY_OTHERS) !== 0 && (mode & STICKY) === 0;
}

export async function refuseWritableConfig(fs: FileSystem, file: string): Promise<void> {
  await refuseWritable(fs, file, dirname(file));
}

async function checkOwner(fs: FileSystem, paths: Layout): Promise<void> {
  const state = await fs.look(paths.state).catch(() => undefined);
  const uid = process.getuid?.();
  if (state === undefined || uid === undefined || state.uid === uid) return;
  throw coreError("ERR_OTHER_OWNER", {
    message: `${paths.state} belongs to uid ${state.uid}; this is uid ${uid} (${userName()}).`,
    hint: `Run it as its owner: sudo -u '#${state.uid}' deployer …`,
    details: { owner: state.uid, user: uid },
  });
}
