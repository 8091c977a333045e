import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

/** The fenced blocks of a language in a page of this repository, in their order. */
export async function blocksOf(page: string, language: string): Promise<string[]> {
  const text = await readFile(fileURLToPath(new URL(`../../${page}`, import.meta.url)), "utf8");
  return [...text.matchAll(new RegExp(`^ *\`\`\`${language}\n([\\s\\S]*?)^ *\`\`\`$`, "gm"))].map(
    ([, block]) => block ?? "",
  );
}
