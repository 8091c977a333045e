import type { ResolvedConfig } from "../config/resolve.ts";
import { knownSecrets } from "../errors/known-secrets.ts";
import { type Redactor, redactorFor } from "../errors/redact.ts";
import { layout } from "../release/layout.ts";

/** Masks what this app keeps secret: in its shared env files, in the variables and options it is given, in the deployer's own. */
export function siteRedactor(
  {
    config,
    env,
    pluginOptions,
  }: Pick<ResolvedConfig, "config" | "env"> & Partial<Pick<ResolvedConfig, "pluginOptions">>,
  environment: Readonly<Record<string, string | undefined>>,
): Redactor {
  const shared = { folder: layout(config.root).shared, paths: config.shared.map(({ path }) => path) };
  return redactorFor(knownSecrets({ environment, passed: env, shared, options: pluginOptions }));
}
