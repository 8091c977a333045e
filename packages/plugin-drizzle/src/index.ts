export { drizzle, drizzle as default } from "./drizzle.ts";
export { type DrizzleErrorCode, drizzleErrors } from "./errors.ts";
export { type DatabaseOptions, type DrizzleOptions, drizzleOptionsSchema } from "./options.ts";
