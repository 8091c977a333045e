import { coreError } from "../errors/catalog.ts";

export interface ConfigProblem {
  /** The option, as "plugins[1].databases.core.file". */
  readonly option: string;
  /** What is wrong, and the accepted form. */
  readonly problem: string;
}

/** `root`: where its app is, as far as the config says so. */
export function configError(problems: readonly ConfigProblem[], root?: string): ReturnType<typeof coreError> {
  const lines = problems.map(({ option, problem }) => `  ${option}: ${problem}`);
  return coreError("ERR_CONFIG", {
    message: `The config has ${problems.length === 1 ? "a problem" : `${problems.length} problems`}:\n${lines.join("\n")}`,
    hint: "Correct the config; docs/configuration.md lists every option.",
    details: { problems, ...(root === undefined ? {} : { root }) },
  });
}
