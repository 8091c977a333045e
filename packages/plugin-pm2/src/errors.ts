import { DeployError, type ErrorMessage, EXIT } from "@deployer/core";

/** Every error of this plugin. The headings of docs/errors.md are made from it. */
export const pm2Errors = {
  ERR_PM2_MISSING: {
    exit: "unfit",
    about:
      "PM2 was not found: no daemon runs, and neither `path` nor PATH leads to one. Install it with `npm install -g pm2`.",
  },
  ERR_PM2_CALL: {
    exit: "undone",
    about: "PM2 did not do what it was asked, or did not answer. The message holds what it said.",
  },
  ERR_PM2_ECOSYSTEM: {
    exit: "unfit",
    about: "The ecosystem file is missing from the release, cannot be run, or lists no app.",
  },
  ERR_PM2_DEFINITION: {
    exit: "unfit",
    about:
      "An app is defined in a way that cannot be taken over without a gap, or its `env` has names of PM2's own settings. Each problem is listed with what to write instead.",
  },
  ERR_PM2_FORK: {
    exit: "unfit",
    about:
      'An app with a health check runs in fork mode, which refuses requests at every reload. Write `exec_mode: "cluster"`.',
  },
  ERR_PM2_CHANGE: {
    exit: "unfit",
    about:
      "PM2 already runs an app of this name from outside the root: another project's. Give the app another name, or take the other one out of PM2.",
  },
  ERR_ACTIVATION_FAILED: {
    exit: "undone",
    about: "A worker of the new release did not start well. The workers were brought back to the previous release.",
  },
  ERR_NOT_BROUGHT_BACK: {
    exit: "notUndone",
    about:
      "A worker could not be brought back to the release that served before. A person must look at `pm2 list` and the app's log.",
  },
} as const;

export type Pm2ErrorCode = keyof typeof pm2Errors;

export function pm2Error(code: Pm2ErrorCode, message: ErrorMessage): DeployError {
  return new DeployError({ ...message, code, exitCode: EXIT[pm2Errors[code].exit] });
}
