import type { Plugin } from "./plugin.ts";

/** Checks options; zod's schemas are of this shape. */
export interface OptionsSchema<Options> {
  safeParse(
    value: unknown,
  ):
    | { readonly success: true; readonly data: Options }
    | { readonly success: false; readonly error: { readonly issues: readonly OptionIssue[] } };
}

export interface OptionIssue {
  readonly path: readonly PropertyKey[];
  readonly message: string;
}

/** A plugin as it stands in a config: which one, with which options. Made when the whole config has been checked. */
export interface PluginReference {
  readonly factory: (options: never) => Plugin;
  readonly options: unknown;
  readonly schema: OptionsSchema<unknown> | undefined;
  /** What a config error calls it before it is made. */
  readonly name?: string | undefined;
}

/** What a plugin's package exports: called with its options in a config. */
export interface PluginFactory<Options> {
  (...options: undefined extends Options ? [options?: Options] : [options: Options]): PluginReference;
  readonly schema: OptionsSchema<Options> | undefined;
}

const references = new WeakSet<object>();

/**
 * Makes a plugin's factory. With a schema, options are checked together with the rest of the config, and each problem is
 * told with its path, as "git.remote" where the name is given here, too; the inner function then sees only options that
 * passed.
 */
export function definePlugin<Options = undefined>(
  factory: (options: Options) => Plugin,
  schema?: OptionsSchema<Options>,
  name?: string,
): PluginFactory<Options> {
  const make = (options?: unknown): PluginReference => {
    const reference: PluginReference = { factory: factory as PluginReference["factory"], options, schema, name };
    references.add(reference);
    return reference;
  };
  return Object.assign(make, { schema }) as unknown as PluginFactory<Options>;
}

export function isPluginReference(value: unknown): value is PluginReference {
  return (
    typeof value === "object" && value !== null && (references.has(value) || ("factory" in value && "schema" in value))
  );
}
