import { DeployError, type ErrorMessage, EXIT } from "@deployer/core";

/** Every error of this plugin. The headings of docs/errors.md are made from it. */
export const gitErrors = {
  ERR_REMOTE_UNREACHABLE: {
    exit: "unreachable",
    about:
      "The remote repository could not be asked: network, address or access. Nothing was changed; the next check asks again.",
  },
  ERR_REF_MISSING: {
    exit: "unfit",
    about: "The remote has no such branch, tag or commit. Correct `ref`, or push it.",
  },
  ERR_SSH_KEY: {
    exit: "unfit",
    about:
      "The site's deploy key or known hosts (`sshKey`, `knownHosts`) cannot be used: the file is not there, or other users may read the key.",
  },
  ERR_REVISION_GONE: {
    exit: "unreachable",
    about:
      "The commit that was detected can no longer be fetched: the branch was rewritten meanwhile. The next check sees the new one.",
  },
  ERR_CHECKOUT: {
    exit: "undone",
    about: "The commit could not be written into the release.",
  },
  ERR_LFS_MISSING: {
    exit: "unfit",
    about:
      "The repository keeps files in Git LFS and git-lfs is not installed; the release would hold pointers instead of files.",
  },
} as const;

export function gitError(code: keyof typeof gitErrors, message: ErrorMessage): DeployError {
  return new DeployError({ ...message, code, exitCode: EXIT[gitErrors[code].exit] });
}
