import type { Context, DeployError } from "@deployer/core";
import type { ChildStep } from "./child-report.ts";
import { drizzleError } from "./errors.ts";
import type { ChildWork } from "./sql-child.ts";

/** Tells a step that did not end: which, of which database, and what to do. No live database was touched. */
export function stepError(
  { database, what, at }: ChildStep,
  { on, stepMs, databases }: Pick<ChildWork, "on" | "stepMs" | "databases">,
  redact: Context["redact"],
): DeployError {
  const path = databases.find(({ name }) => name === database)?.path;
  const statement = at === undefined ? undefined : redact(at.statement);
  return drizzleError("ERR_MIGRATION_ENDLESS", {
    message: `${capital(what)} did not end within ${stepMs / 1_000} s, for "${database}" (${path}), on ${on}. No live database was touched.${statement === undefined ? "" : `\n${statement}`}`,
    hint: "Correct it and push again. If the machine was too busy, `deployer deploy` tries this revision once more.",
    details: { database, file: path, migration: at?.migration, number: at?.number, statement, on, limitMs: stepMs },
  });
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
