import { checkedFigures, checkedMigrated, checkedTexts } from "../plugin/answers.ts";
import type { OneWay } from "./one-way.ts";
import type { RequestFigures } from "./result.ts";
import type { Session } from "./session.ts";

/** What plugins say of a run: it stands in the result, whatever becomes of the run. */
export class RunFacts {
  readonly migrated: Record<string, string[]> = {};
  /** Why the release before can no longer be relied on: what plugins have committed. */
  readonly oneWay: OneWay[] = [];
  requests: RequestFigures | null = null;
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
  }

  readonly addMigrated = (database: string, names: readonly string[]): void => {
    checkedMigrated(database, names);
    this.migrated[database] = [...(this.migrated[database] ?? []), ...names];
    this.#session.store.addMigrated(this.#session.run.id, this.migrated);
  };

  readonly addOneWay = (reason: string, hint: string): void => {
    checkedTexts("oneWay", reason, hint);
    this.oneWay.push({ reason, hint });
  };

  /** Several are added up. */
  readonly addRequests = (more: RequestFigures): void => {
    checkedFigures(more);
    const { sent, failed, worstMs } = this.requests ?? { sent: 0, failed: 0, worstMs: 0 };
    this.requests = {
      sent: sent + more.sent,
      failed: failed + more.failed,
      worstMs: Math.max(worstMs, Math.round(more.worstMs)),
    };
  };
}
