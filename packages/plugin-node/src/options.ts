import { z } from "zod";

export interface NodeOptions {
  /** `false`: no dependencies are installed. @default true */
  readonly install?: boolean;
  /** Name of the script that builds the app, a command as a list, or `false`. Without it: "build", when there is one. */
  readonly build?: string | readonly string[] | false;
  /**
   * For how many releases the static files of a release are kept (Next.js, Vite), so that pages opened before a switch
   * still load theirs. 0 keeps none. @default 3
   */
  readonly keepStatic?: number;
  /** Requests to each worker once the release is served, as "POST /api/revalidate"; what fails is a warning. @default [] */
  readonly afterSwitch?: readonly string[];
  /** Milliseconds. @default 900_000 */
  readonly installTimeoutMs?: number;
  /** Milliseconds. @default 1_800_000 */
  readonly buildTimeoutMs?: number;
}

const milliseconds = z.int({ error: "expected milliseconds" }).min(1000, "expected milliseconds, at least 1000");

export const nodeOptionsSchema: z.ZodType<NodeOptions> = z.strictObject({
  install: z
    .boolean({ error: "expected true or false" })
    .default(true)
    .describe("`false`: no dependencies are installed."),
  build: z
    .union([z.string().min(1), z.array(z.string()).min(1), z.literal(false)], {
      error: 'expected the name of a script, as "build", a list, as ["make", "all"], or false',
    })
    .optional()
    .describe(
      "Name of the script that builds the app, a command as a list, or `false`. Without it: `build`, when there is one.",
    ),
  keepStatic: z
    .int({ error: "expected how many releases, 0 or more" })
    .min(0, "expected how many releases, 0 or more")
    .default(3)
    .describe(
      "For how many releases the static files of a release are kept (Next.js, Vite), so that pages opened before a switch still load theirs. 0 keeps none.",
    ),
  afterSwitch: z
    .array(z.string().regex(/^[A-Z]+ \/\S*$/, 'expected a method and a path, as "POST /api/revalidate"'))
    .default([])
    .describe(
      "Requests to each worker once the release is served, as `POST /api/revalidate`; what fails is a warning.",
    ),
  installTimeoutMs: milliseconds.default(900_000).describe("Time limit of the installation, in milliseconds."),
  buildTimeoutMs: milliseconds.default(1_800_000).describe("Time limit of the build, in milliseconds."),
}) as z.ZodType<NodeOptions>;
