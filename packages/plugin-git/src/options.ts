import { z } from "zod";

export interface GitOptions {
  /** Address of the repository, as git takes it: ssh, https or a path. */
  readonly remote: string;
  /** The branch or tag to watch, or a full commit hash. @default "main" */
  readonly ref?: string;
  /**
   * A private key for this site alone, readable by its owner only. Relative paths count from the app's root. With it, or
   * with `knownHosts`, neither GIT_SSH_COMMAND nor git's `core.sshCommand` is used.
   */
  readonly sshKey?: string;
  /** File of the host keys to trust; no other host is spoken to. */
  readonly knownHosts?: string;
  /** How long one call of git over the network may take, in milliseconds. @default 300_000 */
  readonly timeoutMs?: number;
  /** How long asking for the hash may take, in milliseconds. @default 30_000 */
  readonly askTimeoutMs?: number;
}

// "ext::sh -c …" runs a program, and a leading dash would be read as an option.
const isSafe = (text: string): boolean => !text.startsWith("-") && !/^[a-z0-9]+::/i.test(text);

export const gitOptionsSchema: z.ZodType<GitOptions> = z.strictObject({
  remote: z
    .string({ error: 'expected an address, as "git@example.org:me/shop.git"' })
    .min(1, 'expected an address, as "git@example.org:me/shop.git"')
    .refine(isSafe, "this form of address is refused: it could run a program")
    .describe("Address of the repository, as git takes it: ssh, https or a path."),
  ref: z
    .string({ error: 'expected a branch, a tag or a commit hash, as "main"' })
    .regex(/^[^-\s:?*~^\\[][^\s:?*~^\\[]*$/, 'expected a branch, a tag or a commit hash, as "main"')
    .default("main")
    .describe("The branch or tag to watch, or a full commit hash."),
  sshKey: z
    .string({ error: 'expected the path of a private key, as "~/.ssh/shop"' })
    .regex(/^(?!-).*(?<!\.pub)$/, 'expected the path of the private key, as "~/.ssh/shop", not of the public one')
    .min(1, 'expected the path of a private key, as "~/.ssh/shop"')
    .optional()
    .describe(
      "A private key for this site alone, readable by its owner only. Relative paths count from the app's root. With it, or with `knownHosts`, neither GIT_SSH_COMMAND nor git's `core.sshCommand` is used.",
    ),
  knownHosts: z
    .string({ error: 'expected the path of a file, as "~/.ssh/known_hosts"' })
    .min(1, 'expected the path of a file, as "~/.ssh/known_hosts"')
    .optional()
    .describe("File of the host keys to trust; no other host is spoken to."),
  timeoutMs: z
    .int()
    .min(1000)
    .default(300_000)
    .describe("How long one call of git over the network may take, in milliseconds."),
  askTimeoutMs: z.int().min(1000).default(30_000).describe("How long asking for the hash may take, in milliseconds."),
}) as z.ZodType<GitOptions>;
