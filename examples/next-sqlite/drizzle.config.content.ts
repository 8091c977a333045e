import { defineConfig } from "drizzle-kit";

export default defineConfig({
  dialect: "sqlite",
  schema: "./src/db/content-schema.ts",
  out: "./drizzle/content",
});
