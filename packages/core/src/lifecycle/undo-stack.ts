import type { CanUndo, UndoContext, UndoHandle } from "../plugin/contexts.ts";
import { demand, isText, shown } from "../plugin/odd-answer.ts";

const UNDO_TIMEOUT_MS = 60_000;

export interface UndoFailure {
  readonly label: string;
  readonly message: string;
}

export interface UndoListener {
  start(label: string): void;
  end(label: string, failure?: string): void;
}

interface Entry {
  readonly label: string;
  readonly action: (context: UndoContext) => Promise<void> | void;
  readonly timeoutMs: number;
}

/**
 * What must be reversed when the run fails. Actions run last to first, each with its own deadline and a signal that is
 * not yet aborted; one that fails does not stop the others.
 */
export class UndoStack {
  #entries: Entry[] = [];

  readonly push: CanUndo["undo"] = (label, action, options): UndoHandle => {
    demand(isText(label), `undo must be told what it does, not ${shown(label)}`);
    demand(typeof action === "function", `undo "${label}" must be given a function, not ${shown(action)}`);
    const entry: Entry = { label, action, timeoutMs: options?.timeoutMs ?? UNDO_TIMEOUT_MS };
    this.#entries.push(entry);
    return {
      drop: () => {
        this.#entries = this.#entries.filter((other) => other !== entry);
      },
    };
  };

  /** The commit point: from here nothing is reversed. */
  clear(): void {
    this.#entries = [];
  }

  /** Runs every action once; answers those that failed. Never rejects. */
  async unwind(listener: UndoListener): Promise<UndoFailure[]> {
    const failures: UndoFailure[] = [];
    for (let entry = this.#entries.pop(); entry !== undefined; entry = this.#entries.pop()) {
      listener.start(entry.label);
      const failure = await attempt(entry);
      listener.end(entry.label, failure);
      if (failure !== undefined) failures.push({ label: entry.label, message: failure });
    }
    return failures;
  }
}

async function attempt({ action, timeoutMs }: Entry): Promise<string | undefined> {
  const deadline = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const expired = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      const error = new Error(`not done within ${timeoutMs / 1000} s`);
      deadline.abort(error);
      reject(error);
    }, timeoutMs);
  });
  try {
    await Promise.race([(async () => action({ signal: deadline.signal }))(), expired]);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  } finally {
    clearTimeout(timer);
  }
}
