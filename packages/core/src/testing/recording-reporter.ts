import type { Reporter, RunEvent } from "../lifecycle/events.ts";

/** The events that may have this type: some have one of several. */
type EventOf<Type> = RunEvent extends infer Event
  ? Event extends RunEvent
    ? Type extends Event["type"]
      ? Event
      : never
    : never
  : never;

export interface RecordingReporter extends Reporter {
  readonly events: readonly RunEvent[];
  /** The events of one type, in their order. */
  of<Type extends RunEvent["type"]>(type: Type): EventOf<Type>[];
  /** The steps that were begun, as "activate/switch-current". */
  steps(): string[];
  /** The labels of undo actions, in the order in which they ran. */
  undone(): string[];
  clear(): void;
}

/** A reporter that keeps what it hears. */
export function recordingReporter(): RecordingReporter {
  const events: RunEvent[] = [];
  const of: RecordingReporter["of"] = (type) => events.filter((event) => event.type === type) as never;
  return {
    events,
    onEvent: (event) => void events.push(event),
    of,
    steps: () => of("step:start").map(({ stage, step }) => `${stage}/${step}`),
    undone: () => of("undo:start").map(({ label }) => label),
    clear: () => void events.splice(0),
  };
}
