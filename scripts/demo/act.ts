import { startLoad } from "@deployer/core/testing";
import type { CommandEnd, World } from "./world.ts";

const RATE = 50;

export interface Expected {
  readonly exitCode: number;
  /** What the command's text must hold. */
  readonly says: readonly (string | RegExp)[];
}

export interface Totals {
  sent: number;
  failed: number;
}

/** One act of the demo: a heading, commands with their output, and the requests that visitors sent meanwhile. */
export class Act {
  readonly #world: World;
  readonly #totals: Totals;

  constructor(world: World, totals: Totals) {
    this.#world = world;
    this.#totals = totals;
  }

  heading(text: string): void {
    console.log(`\n━━ ${text}`);
  }

  say(text: string): void {
    console.log(`   ${text}`);
  }

  /** Runs `deployer …` and shows what it prints. @throws when it does not end as told */
  async deployer(args: readonly string[], expected: Expected): Promise<CommandEnd> {
    console.log(`   $ deployer ${args.join(" ")}`);
    const end = await this.#world.start(args, show).ended;
    if (end.exitCode !== expected.exitCode)
      throw new Error(`deployer ${args[0]} ended with ${end.exitCode}, not ${expected.exitCode}`);
    for (const text of expected.says) {
      if (!(typeof text === "string" ? end.text.includes(text) : text.test(end.text)))
        throw new Error(`deployer ${args[0]} did not say ${text}`);
    }
    return end;
  }

  /** Sends requests to the site while `work` goes on, and prints how many failed. @throws when one did */
  async underLoad<T>(work: () => Promise<T>): Promise<T> {
    const load = startLoad({ url: `${this.#world.url}/api/health`, ratePerSecond: RATE });
    let result: T;
    try {
      result = await work();
    } finally {
      const { sent, failed, failures, longestMs } = await load.stop();
      this.#totals.sent += sent;
      this.#totals.failed += failed;
      this.say(`requests meanwhile: ${sent} sent, ${failed} failed, the slowest took ${Math.round(longestMs)} ms`);
      if (failed > 0) this.say(`failures: ${JSON.stringify(failures)}`);
    }
    if (this.#totals.failed > 0) throw new Error(`${this.#totals.failed} requests failed`);
    return result;
  }

  /** The site must answer with this revision, and its page must hold this text. */
  async expectSite(revision: string, text: string): Promise<void> {
    const health = (await (await fetch(`${this.#world.url}/api/health`)).json()) as { revision: string };
    const page = await (await fetch(this.#world.url)).text();
    if (health.revision !== revision) throw new Error(`the site serves ${health.revision}, not ${revision}`);
    if (!page.includes(text)) throw new Error(`the page does not show "${text}"`);
    this.say(`${this.#world.url} serves ${revision.slice(0, 7)}; its page shows "${text}".`);
  }
}

export function show(line: string): void {
  // The date is the same on every line.
  console.log(`   │ ${line.replace(/^\d{4}-\d\d-\d\dT(\d\d:\d\d:\d\d)\.\d+Z/, "$1")}`);
}
