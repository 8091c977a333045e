import { isAbsolute, normalize } from "node:path";
import { z } from "zod";

export interface NodeOptions {
  /** `false`: no dependencies are installed. @default true */
  readonly install?: boolean;
  /** Name of the script that builds the app, a command as a list, or `false`. Without it: "build", when there is one. */
  readonly build?: string | readonly string[] | false;
  /**
   * For how many releases the static files of a release are kept, so that pages opened before a switch still load theirs:
   * those of Next.js, SvelteKit, Nuxt, Astro, React Router and Vite. 0 keeps none. @default 3
   */
  readonly keepStatic?: number;
  /** The folder of static files, relative to the app, where a build puts them elsewhere: "public/build". */
  readonly staticFolder?: string;
  /** Requests to each worker once the release is served, as "POST /api/revalidate"; what fails is a warning. @default [] */
  readonly afterSwitch?: readonly string[];
  /** Milliseconds. @default 900_000 */
  readonly installTimeoutMs?: number;
  /** Milliseconds. @default 1_800_000 */
  readonly buildTimeoutMs?: number;
}

function isInside(path: string): boolean {
  const plain = normalize(path);
  return plain !== "." && !isAbsolute(plain) && plain.split("/")[0] !== "..";
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
      "For how many releases the static files of a release are kept (Next.js, SvelteKit, Nuxt, Astro, React Router, Vite), so that pages opened before a switch still load theirs. 0 keeps none.",
    ),
  staticFolder: z
    .string()
    .refine(isInside, 'expected a folder inside the app, as "public/build"')
    .optional()
    .describe(
      "The folder of static files whose names change with their content, relative to the app, where a build puts them elsewhere: `public/build`.",
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
