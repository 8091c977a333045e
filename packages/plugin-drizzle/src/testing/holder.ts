// A writer in a process of its own, in the middle of a transaction until it is told to commit: node holder.ts FILE
import Database from "better-sqlite3";

const db = new Database(process.argv[2], { timeout: 5_000 });
db.exec("BEGIN IMMEDIATE; INSERT INTO users (name) VALUES ('held')");
process.on("message", () => {
  db.exec("COMMIT");
  db.close();
  process.disconnect();
});
process.send?.("ready");
