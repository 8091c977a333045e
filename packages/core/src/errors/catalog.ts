import { DeployError, type ErrorMessage, EXIT } from "./deploy-error.ts";

/** Every error of core. The headings of docs/errors.md are made from it. */
export const coreErrors = {
  ERR_CONFIG: {
    exit: "unfit",
    about:
      "The config has one or more invalid options. Every problem is listed with the option's path and the accepted form.",
  },
  ERR_PREFLIGHT: {
    exit: "unfit",
    about: "The machine or the config is not fit for a run. Every problem is listed, and no release was made.",
  },
  ERR_PLATFORM: {
    exit: "unfit",
    about: "The deployer needs Linux: it reads `/proc` to tell what is running.",
  },
  ERR_ROOT_NOT_WRITABLE: {
    exit: "unfit",
    about: "The deployer's user cannot write below `root`. Create the folder for that user, or correct `root`.",
  },
  ERR_INSECURE_MODE: {
    exit: "unfit",
    about: "The config or a private folder can be changed by other users. The config is code, so this is refused.",
  },
  ERR_OTHER_OWNER: {
    exit: "unfit",
    about:
      "`.deployer` belongs to another user. A run as this user would leave files on which every later check fails.",
  },
  ERR_OTHER_APP: {
    exit: "unfit",
    about: "The root already belongs to another app or environment.",
  },
  ERR_DIRECTORY_MISSING: {
    exit: "unfit",
    about: "The repository has no such `directory` at the revision to deploy.",
  },
  ERR_CURRENT_IS_DIRECTORY: {
    exit: "unfit",
    about: "`current` is a real directory or file, not a link. It is never replaced: move it away first.",
  },
  ERR_SHARED_MISSING: {
    exit: "unfit",
    about: "A shared file does not exist. It is never created empty: put the real one in its place.",
  },
  ERR_SHARED_PATH: {
    exit: "unfit",
    about: "A shared path is not allowed: absolute, outside the app, overlapping another, or of two kinds at once.",
  },
  ERR_LINK_CHANGED: {
    exit: "undone",
    about: "A shared path of the new release no longer leads to `shared/`. The build or the trial replaced the link.",
  },
  ERR_FOREIGN_LINK: {
    exit: "undone",
    about:
      "A symbolic link of the repository, or one that the build made, stands where the deployer writes or removes, or leads what it reads out of the release.",
  },
  ERR_REVISION_FOLDER: {
    exit: "undone",
    about: "The repository has a folder `REVISION`, where the release's commit hash is written. Rename it there.",
  },
  ERR_STORE_NEWER: {
    exit: "unfit",
    about: "`state.db` was written by a newer deployer. Update this one.",
  },
  ERR_STORE_DAMAGED: {
    exit: "unfit",
    about:
      "`state.db` is damaged, or lost. The next `deployer check` makes a new one from the releases on disk; a damaged one is set aside.",
  },
  ERR_LOCK_HELD: {
    exit: "locked",
    about: "Another run holds the deploy lock, and its holder is alive.",
  },
  ERR_NO_REVISION: {
    exit: "unfit",
    about: "No plugin answers where the watched ref stands. Add `git()` to `plugins`.",
  },
  ERR_COMMAND_FAILED: {
    exit: "undone",
    about: "A command of the config ended with an error. Its last lines are in the message, all of them in the log.",
  },
  ERR_COMMAND_TIMEOUT: {
    exit: "undone",
    about: "A command ran longer than its time limit and was ended with everything it had started.",
  },
  ERR_COMMAND_MISSING: {
    exit: "unfit",
    about: "A program that the run needs is not on PATH.",
  },
  ERR_UNHEALTHY: {
    exit: "undone",
    about: "The app did not answer its health check well, or not for long enough.",
  },
  ERR_CANDIDATE_DIED: {
    exit: "undone",
    about: "The release on trial ended by itself. Its last lines are in the message.",
  },
  ERR_TRIAL_LIVE_DATABASE: {
    exit: "undone",
    about: "The release on trial opened a live database where a copy had been put for it. It must not write there yet.",
  },
  ERR_TRIAL_PRIVATE_DATABASE: {
    exit: "undone",
    about:
      "The release on trial writes to a database inside itself, as output tracing copies it there: what visitors wrote would be lost with the release.",
  },
  ERR_INTERRUPTED: {
    exit: "interrupted",
    about: "The run was interrupted by a signal and has been undone.",
  },
  ERR_KILLED: {
    exit: "undone",
    about: "An earlier run died before it was done; the next one settled what it had left.",
  },
  ERR_PLUGIN_GONE: {
    exit: "notUndone",
    about:
      "An interrupted run used a plugin that the config no longer has. Put it back for one run: only it can settle what it began.",
  },
  ERR_RECOVERY_FAILED: {
    exit: "notUndone",
    about: "What an interrupted run left could not be settled. A person must look.",
  },
  ERR_NOT_SERVED: {
    exit: "notUndone",
    about:
      "The release that should be served is not: its processes are gone or stopped, or `current` does not lead to it. Each check says so, and starts it again unless a person has stopped it.",
  },
  ERR_NO_SUCH_RELEASE: {
    exit: "noRelease",
    about: "The release to return to does not exist, or there is none older than the current one.",
  },
  ERR_RELEASE_UNSAFE: {
    exit: "noRelease",
    about: "The release is there, but today's shared paths or data do not fit it.",
  },
  ERR_PLUGIN_ANSWER: {
    exit: "undone",
    about:
      "A plugin answered something, or called the deployer with something, that its contract does not allow. Nothing of it was used.",
  },
  ERR_PLUGIN_FAILED: {
    exit: "undone",
    about: "A plugin failed with an error that is no word to the user: most likely a defect of the plugin.",
  },
  ERR_DISK: {
    exit: "undone",
    about: "Writing failed: the disk is full, or a file cannot be written.",
  },
  ERR_DEFECT: {
    exit: "defect",
    about: "A defect in the deployer or in a plugin. Please report it with the log.",
  },
} as const;

export type CoreErrorCode = keyof typeof coreErrors;

export function coreError(code: CoreErrorCode, message: ErrorMessage): DeployError {
  return new DeployError({ ...message, code, exitCode: EXIT[coreErrors[code].exit] });
}
