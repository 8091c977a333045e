import type { Files } from "./world.ts";

/** An app that is deployed again and again, by the deployer and by hand. */
export interface App {
  /** Relative to the release. */
  readonly script: string;
  readonly args?: (port: number) => string;
  readonly env?: Readonly<Record<string, string>>;
  /** The files of one commit. */
  readonly files: (marker: string) => Files;
  /** Run in a new release, and stands in for the build: it copies what was built once. */
  readonly build?: string;
  /** How long a start may take. */
  readonly healthTimeoutMs: number;
}

export function environmentOf(app: App, port: number): Record<string, string> {
  return { PORT: String(port), HOSTNAME: "127.0.0.1", NODE_ENV: "production", ...app.env };
}
