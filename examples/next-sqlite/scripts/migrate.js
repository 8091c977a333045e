// Brings the databases of this folder up to date, for `npm run dev`. On a server deployer does it.
import fs from "node:fs";
import Database from "better-sqlite3";
import { drizzle } from "drizzle-orm/better-sqlite3";
import { migrate } from "drizzle-orm/better-sqlite3/migrator";

fs.mkdirSync("data", { recursive: true });
for (const name of ["core", "system", "content"]) {
  const connection = new Database(`data/${name}.db`);
  connection.pragma("journal_mode = WAL");
  migrate(drizzle(connection), { migrationsFolder: `drizzle/${name}` });
  connection.close();
  console.log(`data/${name}.db is up to date`);
}
