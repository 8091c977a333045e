// An app that locks the last database first, in a process of its own: node opposite-locker.ts LAST FIRST
// It writes to both until it is told to stop, and answers how often; an error ends it with another exit code.
import Database from "better-sqlite3";

const [last, first] = process.argv.slice(2).map((path) => new Database(path, { timeout: 10_000 }));
let writes = 0;
const timer = setInterval(() => {
  last!.exec("BEGIN IMMEDIATE");
  first!.exec("BEGIN IMMEDIATE; INSERT INTO users (name) VALUES ('both'); COMMIT");
  last!.exec("COMMIT");
  writes += 1;
}, 2);
process.on("message", () => {
  clearInterval(timer);
  process.send?.(writes);
  process.disconnect();
});
process.send?.("ready");
