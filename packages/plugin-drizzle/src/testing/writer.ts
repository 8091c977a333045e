// The app's writers in a process of their own: transactions at a fixed rate on each database until told to stop.
// node writer.ts RATE BEHAVIOUR BUSY_TIMEOUT FILE…
// Each transaction inserts into `written` one row, whose number was acknowledged when the next one is tried.
import Database from "better-sqlite3";

/** What the writers saw, by file. */
export interface Written {
  readonly file: string;
  /** Transactions that were acknowledged: `written` must hold each of them. */
  readonly acknowledged: number;
  readonly errors: Readonly<Record<string, number>>;
  /** Milliseconds. */
  readonly longest: number;
}

const [rate, behaviour, timeout, ...files] = process.argv.slice(2) as [string, string, string, ...string[]];
const writers = files.map((file) => {
  const db = new Database(file, { timeout: Number(timeout) });
  db.exec("CREATE TABLE IF NOT EXISTS written (n integer PRIMARY KEY, at text)");
  const last = db.prepare("SELECT coalesce(max(n), 0) FROM written").pluck();
  const insert = db.prepare("INSERT INTO written VALUES (?, datetime())");
  const write = db.transaction((n: number) => {
    last.get(); // read first: what a deferred transaction cannot wait after
    insert.run(n);
  });
  return {
    file,
    db,
    write,
    n: last.get() as number,
    acknowledged: 0,
    errors: {} as Record<string, number>,
    longest: 0,
  };
});

function writeOnce(writer: (typeof writers)[number]): void {
  const began = performance.now();
  try {
    if (behaviour === "immediate") writer.write.immediate(writer.n + 1);
    else writer.write.deferred(writer.n + 1);
    writer.n += 1;
    writer.acknowledged += 1;
  } catch (error) {
    const code = (error as { code?: string }).code ?? String(error);
    writer.errors[code] = (writer.errors[code] ?? 0) + 1;
  }
  writer.longest = Math.max(writer.longest, performance.now() - began);
}

function report(): Written[] {
  const written = writers.map(({ file, acknowledged, errors, longest }) => ({ file, acknowledged, errors, longest }));
  for (const writer of writers) writer.longest = 0;
  return written;
}

let due = performance.now();
const timer = setInterval(() => {
  // After a long wait the writes that were due meanwhile are not made up for: the app's clients waited, too.
  const now = performance.now();
  if (now - due > 1_000) due = now - 1_000;
  for (; due < now; due += 1_000 / Number(rate)) for (const writer of writers) writeOnce(writer);
}, 1);
process.on("message", (word) => {
  process.send?.(report());
  if (word !== "stop") return;
  clearInterval(timer);
  for (const { db } of writers) db.close();
  process.disconnect();
});
// Also when the test itself is killed.
process.once("disconnect", () => process.exit());
process.send?.("ready");
