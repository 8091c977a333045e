// Run as a program of its own: the ecosystem file is code of the repository, and never runs inside the deployer.
import { readFile } from "node:fs/promises";
import { pathToFileURL } from "node:url";

const file = process.argv[2] as string;
const answer = process.argv[3] as string;

const value: unknown = file.endsWith(".json")
  ? JSON.parse(await readFile(file, "utf8"))
  : await import(pathToFileURL(file).href).then((module: { default?: unknown }) => module.default ?? module);
process.stdout.write(`\n${answer}${JSON.stringify(value)}\n`, () => process.exit(0));
