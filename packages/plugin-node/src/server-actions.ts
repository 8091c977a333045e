import { join } from "node:path";
import { type BuildContext, plural } from "@deployer/core";
import { findNextBuild } from "./next-build.ts";

/** Says which Server Actions of the release that is served the new one does not know: open pages cannot call them. */
export async function compareServerActions(ctx: BuildContext, dist: string): Promise<void> {
  const before = ctx.previous === undefined ? undefined : await findNextBuild(ctx.fs, ctx.previous);
  if (before === undefined) return;
  const [old, now] = [await readActions(ctx, before.dist), await readActions(ctx, dist)];
  if (old === undefined || now === undefined) return;
  const gone = old.ids.filter((id) => !now.ids.includes(id));
  if (gone.length === 0) return;
  const count = plural(gone.length, "Server Action");
  ctx.info(`A page that is open cannot call ${count} of ${old.ids.length} in this release${reason(old, now, gone)}.`);
}

interface Actions {
  readonly ids: readonly string[];
  readonly key: string | undefined;
}

async function readActions({ fs }: BuildContext, dist: string): Promise<Actions | undefined> {
  const path = join(dist, "server", "server-reference-manifest.json");
  if ((await fs.resolve(path))?.kind !== "file") return undefined;
  const { node, edge, encryptionKey } = JSON.parse(await fs.readText(path)) as {
    readonly node?: object;
    readonly edge?: object;
    readonly encryptionKey?: string;
  };
  return { ids: Object.keys({ ...node, ...edge }), key: encryptionKey };
}

// An id is a hash over the key, the file's path and the export's name: webpack gives it the whole path, Turbopack the
// path in the project.
function reason(old: Actions, now: Actions, gone: readonly string[]): string {
  if (old.key !== now.key) return ": they were named with another key";
  if (gone.length < old.ids.length || now.ids.length === 0) return ": they were moved, renamed or removed";
  return ": webpack puts the release's folder into their names. Build with Turbopack (next build --turbopack)";
}
