import type { Database } from "better-sqlite3";
import { onlyFillsNew } from "./filling-trigger.ts";
import { fold, type SchemaModel, type Trigger } from "./schema-model.ts";
import { triggersGoUnnoticed } from "./trigger-trial.ts";

/**
 * New triggers on tables that an older release writes to, and which it cannot notice: they only fill new tables, as those
 * of a search index do, and each shape of its writes has the same outcome with and without them. Needs a schema with a few
 * rows of the data: an index that lacks them fails at their first change.
 */
export function provenTriggers(before: SchemaModel, after: SchemaModel, db: Database): ReadonlySet<Trigger> {
  const byTable = new Map<string, Trigger[]>();
  for (const [key, trigger] of after.triggers) {
    const table = fold(trigger.table);
    if (before.triggers.has(key) || !isOrdinary(table, before, after)) continue;
    if (!onlyFillsNew(trigger, before, after)) continue;
    byTable.set(table, [...(byTable.get(table) ?? []), trigger]);
  }
  const proven = [...byTable].filter(([table, triggers]) =>
    triggersGoUnnoticed(
      db,
      before.tables.get(table)!,
      triggers.map(({ name }) => name),
    ),
  );
  return new Set(proven.flatMap(([, triggers]) => triggers));
}

function isOrdinary(table: string, before: SchemaModel, after: SchemaModel): boolean {
  return before.tables.get(table)?.kind === "table" && after.tables.get(table)?.kind === "table";
}
