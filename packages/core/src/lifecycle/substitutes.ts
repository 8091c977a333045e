import { join } from "node:path";
import { checkedFillBeside } from "../plugin/answers.ts";
import type { BuildLinks, CopiedFile, CopyBeside, LinkContext, SettleContext } from "../plugin/contexts.ts";
import { demand, shown } from "../plugin/odd-answer.ts";
import { emptyShared, refillShared } from "../release/emptied.ts";
import { REHEARSAL } from "../release/layout.ts";
import { type LinkSite, linkShared } from "../release/links.ts";
import { copiedFiles, endRehearsal, fillStandIn, PRIVATE, type StandIn, settleStandIn } from "../release/rehearsal.ts";
import type { SharedPath } from "../release/shared-path.ts";
import { fromPlugin } from "./from-plugin.ts";

/** Copies of something that is under no shared path, and where they lie. */
interface Beside {
  readonly plugin: string;
  readonly copies: CopyBeside;
  readonly path: string;
}

/** What stands in the place of shared paths, and beside them, from the link stage until the gate has passed. */
export class Substitutes {
  /** Variables for build and gate. */
  environment: Readonly<Record<string, string>> = {};
  #standIns: StandIn[] = [];
  #beside: Beside[] = [];
  #copiedBeside: readonly CopiedFile[] = [];
  readonly #emptied = new Set<SharedPath>();

  get areThere(): boolean {
    return this.#standIns.length + this.#beside.length > 0;
  }

  addBeside(plugin: string, appPath: string, copies: CopyBeside): void {
    const { fill, settle } = copies ?? {};
    demand(typeof fill === "function", `copyBeside must be given { fill }, not ${shown(copies)}`);
    demand(settle === undefined || typeof settle === "function", "settle of copyBeside must be a function");
    this.#beside.push({ plugin, copies, path: join(appPath, REHEARSAL, ".beside", String(this.#beside.length)) });
  }

  /** Links one shared path, to its stand-in where plugins offer a substitute for any of it. */
  async link(site: LinkSite, entry: SharedPath, context: LinkContext): Promise<void> {
    if ((entry.substitutes?.length ?? 0) === 0) return linkShared(site, entry, "shared");
    const { standIn, env } = await fillStandIn(site, entry, context);
    this.#standIns.push(standIn);
    this.environment = { ...this.environment, ...env };
    await linkShared(site, entry, "rehearsal");
  }

  async fillBeside({ fs }: LinkSite, context: LinkContext): Promise<void> {
    for (const { plugin, copies, path } of this.#beside) {
      await fs.makeDirectory(path, PRIVATE);
      const answer = await fromPlugin({ plugin, stage: "link" }, async () =>
        checkedFillBeside(await copies.fill(path, context), path),
      );
      this.environment = { ...this.environment, ...answer.env };
      this.#copiedBeside = [...this.#copiedBeside, ...answer.copies];
    }
  }

  /** The live files that there are copies of. */
  copies(site: LinkSite): CopiedFile[] {
    return [...copiedFiles(site, this.#standIns), ...this.#copiedBeside];
  }

  /** The shared paths as a build meets them. What it has emptied is put back by `refill`. */
  links(site: LinkSite, shared: readonly SharedPath[]): BuildLinks {
    return {
      shared,
      empty: async (path) => {
        const entry = shared.find((candidate) => candidate.path === path);
        demand(entry !== undefined, `links.empty was told ${shown(path)}, which is no shared path`);
        if (this.#emptied.has(entry)) return;
        await emptyShared(site, entry, this.#standInOf(entry));
        this.#emptied.add(entry);
      },
    };
  }

  async refill(site: LinkSite): Promise<void> {
    for (const entry of this.#emptied) await refillShared(site, entry, this.#standInOf(entry));
  }

  /** Has the plugins take their last look, and swaps the real links in. */
  async settle(site: LinkSite, context: SettleContext): Promise<void> {
    for (const standIn of this.#standIns) await settleStandIn(site, standIn, context);
    for (const { plugin, copies, path } of this.#beside)
      await fromPlugin({ plugin, stage: "gate", step: "settle" }, () => copies.settle?.(path, context));
    await endRehearsal(site, this.#standIns);
    this.#standIns = [];
    this.#beside = [];
  }

  #standInOf(entry: SharedPath): StandIn | undefined {
    return this.#standIns.find((standIn) => standIn.entry === entry);
  }
}
