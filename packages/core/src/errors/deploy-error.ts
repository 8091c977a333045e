/** What an exit code of the command means. The table stands in docs/errors.md. */
export const EXIT = {
  ok: 0,
  defect: 1,
  unfit: 2,
  locked: 3,
  undone: 4,
  notUndone: 5,
  noRelease: 6,
  unreachable: 7,
  interrupted: 130,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** What an error says: what happened, what to do next, and the values for a program. */
export interface ErrorMessage {
  /** What happened, with the values. Anything from outside has been redacted. */
  readonly message: string;
  /** What to do next, best as a command. */
  readonly hint: string;
  /** For programs; shown with `--json`. */
  readonly details?: Readonly<Record<string, unknown>>;
  readonly cause?: unknown;
  /** What stood in the way is no fault of the revision and may be gone later: it is tried again before it is held. */
  readonly mayPass?: boolean;
}

/** An error that a person can act on. Everything else that is thrown is a defect (exit 1). */
export class DeployError extends Error {
  override readonly name: string = "DeployError";
  /** Stable, for programs and for docs/errors.md. */
  readonly code: string;
  readonly exitCode: ExitCode;
  readonly hint: string;
  readonly details: Readonly<Record<string, unknown>>;
  readonly mayPass: boolean;

  constructor(init: ErrorMessage & { readonly code: string; readonly exitCode: ExitCode }) {
    super(init.message, init.cause === undefined ? undefined : { cause: init.cause });
    this.code = init.code;
    this.exitCode = init.exitCode;
    this.hint = init.hint;
    this.details = init.details ?? {};
    this.mayPass = init.mayPass ?? false;
  }
}

/** One entry of a package's error catalog: docs/errors.md is generated from these. */
export interface ErrorEntry {
  /** Which exit code it ends with, by name. */
  readonly exit: keyof typeof EXIT;
  /** When it happens and what helps, in a sentence or two. */
  readonly about: string;
}

export type ErrorCatalog = Readonly<Record<string, ErrorEntry>>;
