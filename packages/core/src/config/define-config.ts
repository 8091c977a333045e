import type { ConfigInput } from "./schema.ts";

export interface ConfigArguments {
  /** What `--env` named. */
  readonly env: string | undefined;
}

export type ConfigFunction = (given: ConfigArguments) => ConfigInput | Promise<ConfigInput>;

/** Types a config. A function receives the environment's name, for differences between environments. */
export function defineConfig(config: ConfigInput | ConfigFunction): ConfigInput | ConfigFunction {
  return config;
}
