import { DeployError, type ErrorMessage, EXIT } from "@deployer/core";

/** Every error of this plugin. The headings of docs/errors.md are made from it. */
export const nodeErrors = {
  ERR_LOCKFILE_MISSING: {
    exit: "undone",
    about: "The app has dependencies and no lockfile, so that two installs could differ. Commit the lockfile.",
  },
  ERR_LOCKFILE_AMBIGUOUS: {
    exit: "undone",
    about:
      "Lockfiles of several package managers lie side by side. Remove the others, or say `packageManager` in package.json.",
  },
  ERR_LOCKFILE_SHARED: {
    exit: "unfit",
    about: "The lockfile lies at a shared path: it must come with the revision.",
  },
  ERR_PACKAGE_JSON: {
    exit: "undone",
    about: "package.json is not valid JSON.",
  },
  ERR_PACKAGE_MANAGER: {
    exit: "unfit",
    about: "The package manager that the app asks for is not on PATH in that major version.",
  },
  ERR_NODE_ENGINE: {
    exit: "unfit",
    about:
      "The app's `engines` asks for another Node than the one that will run it, and its `.npmrc` says engine-strict.",
  },
  ERR_SCRIPT_MISSING: {
    exit: "undone",
    about: "package.json has no script of the name that `build` names.",
  },
  ERR_INSTALL_FAILED: {
    exit: "undone",
    about: "Installing the dependencies failed. Its last lines are in the message.",
  },
  ERR_SERVER_ACTIONS_KEY: {
    exit: "unfit",
    about:
      "The file below `.deployer/keys` that holds the key of the app's Server Actions is damaged. It is never replaced in silence: restore it, or remove it.",
  },
  ERR_BUILD_FAILED: {
    exit: "undone",
    about: "The build command failed. Its last lines are in the message.",
  },
} as const;

export function nodeError(code: keyof typeof nodeErrors, message: ErrorMessage): DeployError {
  return new DeployError({ ...message, code, exitCode: EXIT[nodeErrors[code].exit] });
}
