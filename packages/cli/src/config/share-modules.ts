import { registerHooks } from "node:module";

/**
 * Makes `@deployer/*` in a config mean the modules of the running command. A global install then needs no node_modules
 * near the config, and there is never a second core whose plugins would not be recognised.
 */
export function shareModules(): void {
  registerHooks({
    resolve(specifier, context, nextResolve) {
      if (!specifier.startsWith("@deployer/")) return nextResolve(specifier, context);
      return nextResolve(specifier, { ...context, parentURL: import.meta.url });
    },
  });
}

/**
 * Says of one config file that it is a module: a folder without a package.json leaves that open, and Node would warn and
 * parse the file twice.
 */
export function nameFormat(configUrl: string): void {
  const format = /\.m?ts$/.test(configUrl) ? "module-typescript" : /\.m?js$/.test(configUrl) ? "module" : undefined;
  if (format === undefined) return;
  registerHooks({
    resolve(specifier, context, nextResolve) {
      const resolved = nextResolve(specifier, context);
      return resolved.url === configUrl ? { ...resolved, format } : resolved;
    },
  });
}
