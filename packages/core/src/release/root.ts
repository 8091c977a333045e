import { dirname } from "node:path";
import { coreError } from "../errors/catalog.ts";
import { userName } from "../lock/user-name.ts";
import type { FileSystem } from "../ports/file-system.ts";
import { currentId } from "./current-link.ts";
import type { Layout } from "./layout.ts";

const WRITABLE_BY_OTHERS = 0o002;

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
  await refuseWritable(fs, paths.state);
  await currentId(fs, paths);
}

/** A full disk is told as what it is. */
function notWritable({ root }: Layout, error: NodeJS.ErrnoException): Error {
  if (error.code === "ENOSPC" || error.code === "EDQUOT") return error;
  return coreError("ERR_ROOT_NOT_WRITABLE", {
    message: `${root} cannot be written to by ${userName()}: ${error.message}`,
    hint:
      error.code === "EROFS"
        ? `Its file system is mounted read-only: findmnt --target ${root}`
        : `Give it to that user: sudo mkdir -p ${root} && sudo chown ${process.getuid?.()} ${root}`,
    details: { root },
    cause: error,
  });
}

/** Whoever can write the config or its folder can run code as the deployer's user. @throws ERR_INSECURE_MODE */
async function refuseWritable(fs: FileSystem, path: string): Promise<void> {
  const found = await fs.resolve(path);
  if (found === undefined) return;
  const isSticky = (found.mode & 0o1000) !== 0;
  if ((found.mode & WRITABLE_BY_OTHERS) === 0 || isSticky) return;
  throw coreError("ERR_INSECURE_MODE", {
    message: `${path} can be written by every user of this machine (mode ${found.mode.toString(8)}).`,
    hint: `chmod o-w ${path}`,
    details: { path, mode: found.mode },
  });
}

export async function refuseWritableConfig(fs: FileSystem, file: string): Promise<void> {
  await refuseWritable(fs, file);
  await refuseWritable(fs, dirname(file));
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
