import { DeployError, type ErrorMessage, EXIT } from "@deployer/core";

/** Errors of the command line itself. The headings of docs/errors.md are made from it. */
export const cliErrors = {
  ERR_USAGE: {
    exit: "unfit",
    about: "The command line is not understood: an unknown command, flag or argument.",
  },
  ERR_WORKING_DIRECTORY: {
    exit: "unfit",
    about: "The folder in which the command was started no longer exists.",
  },
  ERR_CONFIG_MISSING: {
    exit: "unfit",
    about: "There is no config file where one was looked for.",
  },
  ERR_CONFIG_AMBIGUOUS: {
    exit: "unfit",
    about: "A folder has several config files, and the command line names none of them.",
  },
  ERR_CONFIG_LOAD: {
    exit: "unfit",
    about:
      "The config file is there and cannot be read: a syntax error, a module that is missing, or an unknown environment.",
  },
  ERR_FILE_THERE: {
    exit: "unfit",
    about: "A file that the command would write is there already, and was not written by it.",
  },
} as const;

export function cliError(code: keyof typeof cliErrors, message: ErrorMessage): DeployError {
  return new DeployError({ ...message, code, exitCode: EXIT[cliErrors[code].exit] });
}
