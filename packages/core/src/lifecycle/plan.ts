import { checkedLines } from "../plugin/answers.ts";
import type { PlanContext } from "../plugin/contexts.ts";
import { fromPlugin } from "./from-plugin.ts";
import type { ReleaseInfo, Revision } from "./release.ts";
import { extend, type Session } from "./session.ts";

/** Says, plugin by plugin, what a run would do; touches nothing. */
export async function tellPlan(
  session: Session,
  revision: Revision,
  current: ReleaseInfo | undefined,
): Promise<string[]> {
  const lines: string[] = [];
  for (const plugin of session.resolved.plugins) {
    const context: PlanContext = extend(session.context(plugin.name), { revision, current });
    const planned = await fromPlugin({ plugin: plugin.name, stage: "plan" }, async () =>
      plugin.plan === undefined ? [] : checkedLines(await plugin.plan(context), "plan"),
    );
    for (const text of planned) {
      const clean = session.redact(text);
      lines.push(`${plugin.name}: ${clean}`);
      session.emit({ type: "plan", plugin: plugin.name, text: clean });
    }
  }
  return lines;
}
