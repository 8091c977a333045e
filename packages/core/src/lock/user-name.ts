import { userInfo } from "node:os";

/** The name of the user who runs this; a container may run as one that its machine has no entry for. */
export function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return `uid ${process.getuid?.()}`;
  }
}
