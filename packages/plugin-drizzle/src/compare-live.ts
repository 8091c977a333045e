import type { Context } from "@deployer/core";
import type { AppDatabase } from "./databases.ts";
import { migrationError } from "./migration-error.ts";
import type { Migration } from "./migrations-folder.ts";
import type { SchemaAnswer, SchemaWork } from "./schema-child.ts";
import { runSqlChild, SMALL_STEP_MS } from "./sql-child.ts";

/** A database, and the migrations that are held against its schema. */
export interface ToCompare {
  readonly database: Pick<AppDatabase, "name" | "path">;
  readonly migrations: readonly Migration[];
}

export type Compared = Extract<SchemaAnswer, { outcome: "compared" }>;

/**
 * Holds live schemas against what migrations make of empty databases, with what the setup module registers.
 * @throws ERR_MIGRATION_FAILED when the setup module does, and what runSqlChild throws
 */
export async function compareLive(
  todo: readonly ToCompare[],
  setup: string | null,
  context: Context,
): Promise<Compared[]> {
  if (todo.length === 0) return [];
  const databases = todo.map(({ database }) => database);
  const input: SchemaWork = {
    setup,
    tasks: todo.map(({ database: { name, path }, migrations }) => ({ name, path, migrations })),
  };
  const on = "an empty database";
  const child = await runSqlChild<SchemaAnswer>(
    { script: "schema-child", input, cwd: context.paths.root, stepMs: SMALL_STEP_MS, on, databases },
    context,
  );
  const answers = child.answer ?? databases.map(() => failed(child));
  return answers.map((answer, index) => {
    if (answer.outcome === "compared") return answer;
    throw migrationError(databases[index]!, answer.problem, on, context.redact);
  });
}

function failed({ ended, tail }: { readonly ended: string; readonly tail: string }): SchemaAnswer {
  return { outcome: "failed", problem: { reason: `the process that ran them ended with ${ended}: ${tail}` } };
}
