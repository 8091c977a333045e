import type { Reporter, TestModule } from "vitest/node";

interface Span {
  readonly from: number;
  to: number;
  files: number;
}

/** Says at the end how long each project of the tests took, from its first file to its last. */
export default class ProjectTimes implements Reporter {
  readonly #spans = new Map<string, Span>();

  onTestModuleStart({ project }: TestModule): void {
    const now = performance.now();
    if (!this.#spans.has(project.name)) this.#spans.set(project.name, { from: now, to: now, files: 0 });
  }

  onTestModuleEnd({ project }: TestModule): void {
    const span = this.#spans.get(project.name);
    if (span === undefined) return;
    span.to = performance.now();
    span.files += 1;
  }

  onTestRunEnd(): void {
    const lines = [...this.#spans].map(
      ([name, { from, to, files }]) => `  ${name.padEnd(6)} ${Math.round((to - from) / 1000)} s, ${files} files`,
    );
    // After the summary of the default reporter, which is printed in the same turn.
    setImmediate(() => process.stdout.write(`${["Time by project", ...lines].join("\n")}\n`));
  }
}
