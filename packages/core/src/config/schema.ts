import { z } from "zod";
import type { PluginReference } from "../plugin/define-plugin.ts";
import { parseBytes } from "./bytes.ts";

/** A shared path as a person writes it: a slash at the end says directory. */
export type SharedInput =
  | string
  | {
      readonly path: string;
      /** A file that need not be there. @default false */
      readonly mayBeMissing?: boolean;
      /** Copy the first release's own contents when `shared/` has none yet. @default false */
      readonly seed?: boolean;
    };

/** What stands in deployer.config.*. */
export interface ConfigInput {
  /** Name of the app. */
  readonly app: string;
  /** Folder of releases, `current` and `shared`. @default the folder of the config file */
  readonly root?: string;
  /** Where the app lies inside its repository. @default "." */
  readonly directory?: string;
  /** What outlives releases. */
  readonly shared?: readonly SharedInput[];
  /** How many successful releases are kept, the current one included. @default 5 */
  readonly keepReleases?: number;
  /** How many failed releases are kept aside for a look. @default 0 */
  readonly keepFailed?: number;
  /** Copies of databases for build and gate; `false`: both see the live data. @default { maxBytes: "4 GiB" } */
  readonly copies?: false | { readonly maxBytes?: string | number };
  /** Names of the deployer's own variables that commands may see. @default [] */
  readonly env?: readonly string[];
  /** What does the work, in this order. In JSON, YAML and TOML: `["@deployer/plugin-git", { … }]`. */
  readonly plugins: readonly (PluginReference | readonly [string, unknown?] | string)[];
}

const relativePath = z
  .string({ error: 'expected a path relative to the app, as "data/"' })
  .refine((path) => path !== "" && !path.startsWith("/"), 'expected a path relative to the app, as "data/"')
  .refine((path) => !path.split("/").includes(".."), 'must not leave the app with ".."');

const sharedEntry = z.union(
  [
    relativePath,
    z.strictObject({
      path: relativePath,
      mayBeMissing: z.boolean().optional(),
      seed: z.boolean().optional(),
    }),
  ],
  { error: 'expected a relative path, as ".env" or "data/", or { path, mayBeMissing?, seed? }' },
);

const count = (about: string, least: number): z.ZodNumber =>
  z.int({ error: `expected ${about}` }).min(least, `expected ${about}`);

const bytes = z
  .union([z.string(), z.number()])
  .refine((value) => parseBytes(value) !== undefined, 'expected bytes, as "4 GiB" or 4294967296');

/** Of `shared` alone: overlaps in it are told together with what is wrong elsewhere. */
export const sharedList: z.ZodType<readonly SharedInput[]> = z
  .array(sharedEntry, { error: 'expected a list, as [".env", "data/"]' })
  .default([])
  .describe(
    "What outlives releases: files, and directories with a slash at the end. `{ path, mayBeMissing, seed }` for more.",
  ) as z.ZodType<readonly SharedInput[]>;

/** The schema of the config's own options; those of plugins have their own. docs/configuration.md is generated from it. */
export const configSchema: z.ZodObject = z.strictObject({
  app: z
    .string({ error: 'expected a name, as "shop"' })
    .regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, "expected letters, digits, dot, dash and underscore")
    .describe("Name of the app."),
  root: z
    .string({ error: 'expected a path, as "/srv/shop"' })
    .min(1, "expected a path")
    .optional()
    .describe(
      "Folder of releases, `current` and `shared`, relative to the config file. Default: the config file's folder.",
    ),
  directory: z
    .union([z.literal("."), relativePath])
    .default(".")
    .describe(
      "Where the app lies inside its repository, for a monorepo. Shared paths, databases and build are relative to it.",
    ),
  shared: sharedList,
  keepReleases: count("a whole number of at least 1", 1)
    .default(5)
    .describe("How many successful releases are kept, the current one included."),
  keepFailed: count("a whole number of at least 0", 0)
    .default(0)
    .describe("How many failed releases are kept in `.deployer/failed`."),
  copies: z
    .union([z.literal(false), z.strictObject({ maxBytes: bytes.optional() })], {
      error: 'expected false or { maxBytes: "4 GiB" }',
    })
    .default({})
    .describe(
      'Copies of databases that build and gate work on: `{ maxBytes: "4 GiB" }`. `false`: they see the live data.',
    ),
  env: z
    .array(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, "expected the name of a variable"), {
      error: 'expected a list of names, as ["NPM_TOKEN"]',
    })
    .default([])
    .describe(
      "Names of the deployer's own environment variables that commands may see. Nothing else of it reaches them.",
    ),
  plugins: z
    .array(z.unknown(), { error: 'expected a list, as [git({ … }), node()] or [["@deployer/plugin-git", { … }]]' })
    .min(1, "expected at least one plugin")
    .describe("What does the work, in this order."),
});

/** Options that have a meaning in the design and are not there yet. */
export const RESERVED: Readonly<Record<string, string>> = {
  apps: "several apps in one config are planned; until then write one config for each app",
  lock: "planned; today a run that holds the lock is never ended by another",
  runAs: "planned; today commands run as the deployer's own user",
  supersede: "planned; today a run goes on when the branch moves meanwhile",
};
