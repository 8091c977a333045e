import { homedir } from "node:os";
import { dirname, isAbsolute, join, resolve } from "node:path";
import type { AppDefinition } from "./definition.ts";

const NOWHERE = new Set(["NULL", "/dev/null"]);

/** Where a worker's output goes, as PM2 decides it at a first start (prepareAppConf of its lib/Common.js). */
export function logFields(
  app: Pick<AppDefinition, "name" | "rest">,
  cwd: string,
  home: string,
): Record<string, string> {
  const folder = join(home, "logs");
  const name = app.name.replace(/[^a-zA-Z0-9\\.-]/g, "-");
  const at = (field: string): string | undefined => {
    const given = app.rest[field];
    if (typeof given !== "string" || given === "") return undefined;
    return NOWHERE.has(given) ? given : resolve(cwd, given.replace(/^~(?=\/)/, homedir()));
  };
  const { log_file: all, log_date_format: format, log_type: type, time } = app.rest;
  return {
    pm_out_log_path: at("out_file") ?? join(folder, `${name}-out.log`),
    pm_err_log_path: at("error_file") ?? join(folder, `${name}-error.log`),
    pm_log_path: at("log_file") ?? (all === true ? join(folder, `${name}.log`) : "null"),
    log_date_format: time ? "YYYY-MM-DDTHH:mm:ss" : typeof format === "string" ? format : "null",
    log_type: typeof type === "string" ? type : "null",
  };
}

/** The folders that must be there before a worker starts. */
export function logFolders(fields: Readonly<Record<string, unknown>>): string[] {
  const files = [fields.pm_out_log_path, fields.pm_err_log_path, fields.pm_log_path].map(String);
  return [...new Set(files.filter((file) => isAbsolute(file) && !NOWHERE.has(file)).map((file) => dirname(file)))];
}
