import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

const MARK = "// Made by `deployer types`";

interface Manifest {
  readonly dependencies: Readonly<Record<string, string>>;
  readonly exports: Readonly<Record<string, string | { readonly types?: string }>>;
}

/**
 * A tsconfig.json for a folder that holds a config and no node_modules: `@deployer/*` are the types of the command that
 * runs, as they are its modules when the config is loaded. `include` is what stands in the folder, never the releases.
 */
export function editorTypes(include: readonly string[]): string {
  const require = createRequire(import.meta.url);
  const own = require.resolve("@deployer/cli/package.json");
  const names = Object.keys(manifestAt(own).dependencies).filter((name) => name.startsWith("@deployer/"));
  const settings = {
    compilerOptions: {
      target: "es2023",
      // To "nodenext" a folder without a package.json is CommonJS: no import.meta, no await.
      module: "esnext",
      moduleResolution: "bundler",
      strict: true,
      noEmit: true,
      allowJs: true,
      checkJs: true,
      allowImportingTsExtensions: true,
      skipLibCheck: true,
      types: ["node"],
      typeRoots: [dirname(dirname(require.resolve("@types/node/package.json")))],
      paths: Object.fromEntries(names.flatMap((name) => entries(name, require.resolve(`${name}/package.json`)))),
    },
    include,
  };
  return `${MARK} for ${dirname(own)}. Run it again after an upgrade; delete this line to keep changes.
${JSON.stringify(settings, null, 2)}
`;
}

/** Whether a tsconfig.json is one that may be written anew. */
export function isEditorTypes(text: string): boolean {
  return text.startsWith(MARK);
}

/** Paths know nothing of a package's exports, so each entry names its file. */
function entries(name: string, manifestFile: string): [string, string[]][] {
  return Object.entries(manifestAt(manifestFile).exports).flatMap(([path, target]) =>
    typeof target === "string" || target.types === undefined
      ? []
      : [[join(name, path), [join(dirname(manifestFile), target.types)]] as [string, string[]]],
  );
}

function manifestAt(file: string): Manifest {
  return JSON.parse(readFileSync(file, "utf8")) as Manifest;
}
