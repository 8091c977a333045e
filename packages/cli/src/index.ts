export { type LoadedConfig, loadConfig } from "./config/load-config.ts";
export { cliErrors } from "./errors.ts";
export { main } from "./main.ts";
