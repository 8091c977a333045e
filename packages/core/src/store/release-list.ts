import { z } from "zod";
import type { FileSystem } from "../ports/file-system.ts";
import type { Layout } from "../release/layout.ts";
import type { Decision, ReleaseRecord, RunStore } from "./run-store.ts";

/** A release that was accepted. */
export type ListedRelease = Pick<ReleaseRecord, "id" | "revision" | "shared">;

export interface ReleaseList {
  /** Oldest first. */
  readonly releases: readonly ListedRelease[];
  readonly decisions: readonly (Decision & { readonly watched: string })[];
}

const text = z.string();
const schema: z.ZodType<ReleaseList> = z.object({
  releases: z.array(
    z.object({
      id: text,
      revision: z.object({ hash: text, ref: text, remote: text }),
      shared: z.array(z.object({ path: text, kind: z.enum(["file", "directory"]) })),
    }),
  ),
  decisions: z.array(
    z.object({
      ...{ watched: text, hash: text, at: z.number() },
      verdict: z.enum(["deployed", "held", "again", "rolled-back", "passed-over"]),
      ...{ code: text.nullable(), reason: text.nullable(), run: text.nullable(), config: text.nullable() },
    }),
  ),
});

/**
 * Writes down beside the run store which releases were accepted, and what was decided. Of a lost store this is what the
 * disk itself does not tell: a release whose build was killed looks like any other.
 */
export async function writeReleaseList(fs: FileSystem, paths: Layout, store: RunStore): Promise<void> {
  const releases = store.releases().filter(({ status }) => status === "successful");
  const list = schema.parse({ releases, decisions: store.decisions() });
  await fs.writeAtomic(paths.releaseList, JSON.stringify(list, null, 2), 0o600);
}

/** `undefined` when there is none that can be read: the last acceptance was by a version that wrote none. */
export async function readReleaseList(fs: FileSystem, paths: Layout): Promise<ReleaseList | undefined> {
  try {
    return schema.parse(JSON.parse(await fs.readText(paths.releaseList)));
  } catch {
    return undefined;
  }
}
