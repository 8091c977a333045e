import type { MigrationProblem } from "./apply.ts";

/** Why the held phase ended before its end, as plain JSON: it crosses from the child. */
export type HeldProblem =
  | { readonly kind: "busy"; readonly patienceMs: number }
  | { readonly kind: "open"; readonly problem: MigrationProblem }
  | { readonly kind: "changed"; readonly changed: readonly string[] }
  | { readonly kind: "migration"; readonly problem: MigrationProblem }
  | { readonly kind: "snapshot"; readonly reason: string }
  | { readonly kind: "journal"; readonly reason: string }
  | { readonly kind: "make"; readonly reason: string }
  | { readonly kind: "place"; readonly reason: string }
  | { readonly kind: "incomplete"; readonly reason: string; readonly committed: readonly string[] }
  | { readonly kind: "unverified"; readonly reason: string };

/** Thrown in the held phase; the connections that were opened roll back when they are closed. */
export class HeldFailure extends Error {
  /** The database's name. */
  readonly database: string;
  readonly problem: HeldProblem;

  constructor(database: string, problem: HeldProblem, cause?: unknown) {
    super(problem.kind, { cause });
    this.database = database;
    this.problem = problem;
  }
}
