import path from "node:path";
import Database from "better-sqlite3";
import { drizzle } from "drizzle-orm/better-sqlite3";
import { connectionOptions, lazy, tune } from "./connection";
import * as schema from "./content-schema";

export const content = lazy(() => {
  const connection = new Database(path.join(process.cwd(), "data", "content.db"), connectionOptions);
  return drizzle(tune(connection), { schema });
});
