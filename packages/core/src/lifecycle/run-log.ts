import { closeSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { Reporter, RunEvent } from "./events.ts";

/**
 * The run's whole output as text, one line an event, in `logs/<run>.log` (0600). A run that finds nothing to do leaves
 * no file: lines are kept back until the run really starts.
 */
export class RunLog implements Reporter {
  readonly path: string;
  #file: number | undefined;
  #waiting: string[] = [];

  constructor(logs: string, run: string) {
    this.path = join(logs, `${run}.log`);
  }

  get isOpen(): boolean {
    return this.#file !== undefined;
  }

  open(): void {
    this.#file ??= openSync(this.path, "a", 0o600);
    for (const line of this.#waiting) this.#write(line);
    this.#waiting = [];
  }

  onEvent(event: RunEvent): void {
    const line = `${new Date(event.at).toISOString()} ${logLine(event)}\n`;
    if (this.#file === undefined) this.#waiting.push(line);
    else this.#write(line);
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }

  #write(line: string): void {
    if (this.#file !== undefined) writeSync(this.#file, line);
  }
}

/** An event as one line of text, without its time. */
export function logLine(event: RunEvent): string {
  switch (event.type) {
    case "run:start":
      return `run ${event.run} (${event.kind}) of ${event.app}`;
    case "plan":
      return `plan: ${event.plugin}: ${event.text}`;
    case "release":
      return `release ${event.id} at ${event.revision}`;
    case "stage:start":
      return `${event.stage}`;
    case "stage:end":
      return `${event.stage}: ${event.outcome} in ${seconds(event.milliseconds)}`;
    case "step:start":
      return `${event.stage}/${event.step}`;
    case "step:end": {
      const waited = event.waitedMs > 0 ? ` (${seconds(event.waitedMs)} of it chosen waits)` : "";
      return `${event.stage}/${event.step}: ${event.outcome} in ${seconds(event.milliseconds)}${waited}`;
    }
    case "step:output":
      return `${event.stage}/${event.step} | ${event.line}`;
    case "info":
      return event.text;
    case "warning":
      return `warning: ${event.text}`;
    case "undo:start":
      return `undo: ${event.label}`;
    case "undo:end":
      return `undo: ${event.label}: ${event.outcome}${event.message === undefined ? "" : `: ${event.message}`}`;
    case "run:end": {
      const { error } = event.result;
      const why = error === null ? "" : `\n${error.code}: ${error.message}\n${error.hint}`;
      return `${event.result.outcome} (exit ${event.result.exitCode})${why}`;
    }
  }
}

/** Milliseconds for a person, as "4.1 s". */
export function seconds(milliseconds: number): string {
  return milliseconds < 1000 ? `${milliseconds} ms` : `${(milliseconds / 1000).toFixed(1)} s`;
}
