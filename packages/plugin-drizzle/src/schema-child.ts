// Runs as a process of its own: it makes schemas from migrations and a setup module, which are a release's.
import type { Database } from "better-sqlite3";
import { MigrationFailure, type MigrationProblem, problemOf } from "./apply.ts";
import { loadReportedSetup, readWork, reportAnswer, reportStep, statementReporter } from "./child-report.ts";
import { compareSchemas } from "./compatibility-rules.ts";
import { schemasAfterEach } from "./expected-schema.ts";
import type { Migration } from "./migrations-folder.ts";
import { readSchema, schemaDifference } from "./schema.ts";
import { readModel, type SchemaModel } from "./schema-model.ts";
import { readDatabase } from "./sqlite.ts";

/** A database whose schema is held against what migrations make of an empty one. */
interface SchemaTask {
  readonly name: string;
  /** The live file, which is only read. */
  readonly path: string;
  readonly migrations: readonly Pick<Migration, "tag" | "statements">[];
}

export interface SchemaWork {
  readonly setup: string | null;
  readonly tasks: readonly SchemaTask[];
}

export type SchemaAnswer =
  | {
      readonly outcome: "compared";
      /** What differs in the text from what all of them make; `null`: they cannot run on an empty database. */
      readonly drift: readonly string[] | null;
      /** How many of the first ones make this schema, as few as possible; 0: no number of them does. */
      readonly matching: number;
      /** What a release would notice of the difference to all of them; `null` as above. */
      readonly difference: readonly string[] | null;
    }
  | { readonly outcome: "failed"; readonly problem: MigrationProblem };

async function compareAll({ setup, tasks }: SchemaWork): Promise<SchemaAnswer[]> {
  const answers: SchemaAnswer[] = [];
  for (const task of tasks) answers.push(await compare(task, setup));
  return answers;
}

async function compare(task: SchemaTask, setup: string | null): Promise<SchemaAnswer> {
  try {
    const register = await loadReportedSetup(setup, task.name);
    const made = schemasAfterEach(
      task.migrations,
      readBoth,
      (db) => register(db, task.name),
      statementReporter(task.name),
    );
    reportStep({ database: task.name, what: "a look at its schema" });
    const live = readDatabase(task.path, readBoth);
    const last = made?.at(-1);
    return {
      outcome: "compared",
      drift: last === undefined ? null : schemaDifference(last.text, live.text),
      matching: Math.max(
        0,
        made?.findIndex(({ model }, n) => n > 0 && difference(model, live.model).length === 0) ?? 0,
      ),
      difference: last === undefined ? null : difference(last.model, live.model),
    };
  } catch (error) {
    return { outcome: "failed", problem: error instanceof MigrationFailure ? error.problem : problemOf(error) };
  }
}

function readBoth(db: Database): { text: ReturnType<typeof readSchema>; model: SchemaModel } {
  return { text: readSchema(db), model: readModel(db) };
}

/** What one has and the other has not, or has in another form. */
function difference(one: SchemaModel, other: SchemaModel): string[] {
  const findings = [...compareSchemas(one, other), ...compareSchemas(other, one)];
  return [...new Set(findings.map(({ object }) => object))];
}

reportAnswer(await compareAll(await readWork<SchemaWork>()));
