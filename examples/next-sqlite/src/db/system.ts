import path from "node:path";
import Database from "better-sqlite3";
import { drizzle } from "drizzle-orm/better-sqlite3";
import { connectionOptions, lazy, tune } from "./connection";
import * as schema from "./system-schema";

export const system = lazy(() => {
  const connection = new Database(path.join(process.cwd(), "data", "system.db"), connectionOptions);
  return drizzle(tune(connection), { schema });
});
