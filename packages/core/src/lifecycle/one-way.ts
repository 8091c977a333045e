import { DeployError, EXIT } from "../errors/deploy-error.ts";

/** Why the release before can no longer be relied on, and the way out. */
export interface OneWay {
  readonly reason: string;
  readonly hint: string;
}

/** A failure after something that cannot be taken back is one that a person must look at. */
export function afterOneWay(error: DeployError, oneWay: readonly OneWay[]): DeployError {
  if (oneWay.length === 0) return error;
  return new DeployError({
    code: error.code,
    exitCode: EXIT.notUndone,
    message: `${error.message}\n${oneWay.map(({ reason }) => reason).join("\n")}`,
    hint: [...new Set(oneWay.map(({ hint }) => hint)), error.hint].join(" "),
    details: { ...error.details, oneWay: oneWay.map(({ reason }) => reason) },
    cause: error,
  });
}
