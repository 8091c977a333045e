import { describe, expect, it } from "vitest";
import { compareMigrations } from "./comparison.ts";
import { type Migration, migrationOf } from "./migrations-folder.ts";

const first = migrationOf("0000_first", 100, "CREATE TABLE a (x);\n");
const second = migrationOf("0001_second", 200, "CREATE TABLE b (x);\n");
const third = migrationOf("0002_third", 300, "CREATE TABLE c (x);\n");

describe("a release's migrations beside those applied", () => {
  it("all are pending on a new database, in the journal's order", () => {
    expect(tags(compareMigrations([first, second], []).pending)).toEqual(["0000_first", "0001_second"]);
  });

  it("none is pending when all are applied", () => {
    expect(compareMigrations([first, second], [row(first), row(second)])).toEqual({
      pending: [],
      edited: [],
      ahead: [],
      outOfOrder: [],
    });
  });

  it("finds one that a merge brought in between, which drizzle would skip", () => {
    const { pending, outOfOrder } = compareMigrations([first, second, third], [row(first), row(third)]);
    expect([tags(pending), tags(outOfOrder)]).toEqual([["0001_second"], ["0001_second"]]);
  });

  it("counts the time of the newest applied one as out of order too", () => {
    const twin = migrationOf("0001_twin", 100, "CREATE TABLE twin (x);");
    expect(tags(compareMigrations([first, twin], [row(first)]).outOfOrder)).toEqual(["0001_twin"]);
  });

  it("tells an edited one by its time", () => {
    const edited = migrationOf("0000_first", 100, "CREATE TABLE other (x);");
    const comparison = compareMigrations([edited, second], [row(first)]);
    expect([tags(comparison.edited), tags(comparison.pending), comparison.ahead]).toEqual([
      ["0000_first"],
      ["0001_second"],
      [],
    ]);
  });

  it("does not take other line ends for an edit, whichever were applied", () => {
    const windows = migrationOf("0000_first", 100, "CREATE TABLE a (x);\r\n");
    expect(compareMigrations([windows], [row(first)])).toMatchObject({ pending: [], edited: [] });
    expect(compareMigrations([first], [row(windows)])).toMatchObject({ pending: [], edited: [] });
  });

  it("names what is applied and unknown", () => {
    expect(compareMigrations([first], [row(first), row(second)]).ahead).toEqual([row(second)]);
  });

  it("counts each of two files with the same text", () => {
    const empty = "-- Custom SQL migration file, put your code below! --";
    const [one, two] = [migrationOf("0000_one", 100, empty), migrationOf("0001_two", 200, empty)];
    expect(tags(compareMigrations([one, two], [row(one)]).pending)).toEqual(["0001_two"]);
  });
});

function row({ hash, when }: Migration): { hash: string; when: number } {
  return { hash, when };
}

function tags(migrations: readonly Migration[]): string[] {
  return migrations.map(({ tag }) => tag);
}
