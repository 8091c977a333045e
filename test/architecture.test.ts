import { globSync, readFileSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const packages = fileURLToPath(new URL("../packages", import.meta.url));
const OURS = /^@deployer\/([^/]+)/;

interface Import {
  readonly file: string;
  readonly specifier: string;
}

/** Which of our packages a package may import. Whoever is not named here may import core only. */
const MAY_IMPORT: Record<string, (other: string) => boolean> = {
  core: () => false,
  cli: () => true,
};

const names = globSync("*/package.json", { cwd: packages }).map((file) => dirname(file));

describe.each(names)("package %s", (name) => {
  const mayImport = MAY_IMPORT[name] ?? ((other: string) => other === "core");

  it("imports only the packages that stand below it", () => {
    const wrong = importsOf(name).filter(({ specifier }) => {
      const other = OURS.exec(specifier)?.[1];
      return other !== undefined && other !== name && !mayImport(other);
    });
    expect(wrong).toEqual([]);
  });

  it("reaches no other package's files by a relative path", () => {
    const home = join(packages, name) + sep;
    const wrong = importsOf(name).filter(
      ({ file, specifier }) => specifier.startsWith(".") && !join(packages, dirname(file), specifier).startsWith(home),
    );
    expect(wrong).toEqual([]);
  });

  it("declares no dependency on a package that it may not import", () => {
    const manifest = JSON.parse(readFileSync(join(packages, name, "package.json"), "utf8"));
    const declared = Object.keys({
      ...manifest.dependencies,
      ...manifest.peerDependencies,
      ...manifest.devDependencies,
    });
    const wrong = declared.filter((dependency) => {
      const other = OURS.exec(dependency)?.[1];
      return other !== undefined && !mayImport(other);
    });
    expect(wrong).toEqual([]);
  });
});

describe("the reader of imports", () => {
  it("sees every form of import", () => {
    const source = [
      `import { a } from "one";`,
      `import type { B } from "two";`,
      `export * from "three";`,
      `import "four";`,
      `await import("five");`,
      `type C = import("six").C;`,
      `import {\n  d,\n} from 'seven';`,
    ].join("\n");
    expect(specifiers(source)).toEqual(["one", "two", "three", "four", "five", "six", "seven"]);
  });
});

function importsOf(name: string): Import[] {
  const folder = join(packages, name);
  const files = globSync("{src,bin}/**/*.{ts,js,mjs,cjs}", { cwd: folder });
  return files.flatMap((file) =>
    specifiers(readFileSync(join(folder, file), "utf8")).map((specifier) => ({
      file: relative(packages, join(folder, file)),
      specifier,
    })),
  );
}

/** Every specifier after `from`, `import` or `import(`, type imports included. */
function specifiers(source: string): string[] {
  return [...source.matchAll(/\b(?:from|import)\s*\(?\s*(["'])([^"'\n]+)\1/g)].map((match) => match[2] as string);
}
