import { logLine, type Reporter, type RunEvent, seconds } from "@deployer/core";
import { localTime } from "./local-time.ts";
import { paint } from "./paint.ts";

export interface ProgressView extends Reporter {
  /** Ends it; what was held back is dropped when `isSilent`. */
  close(isSilent?: boolean): void;
}

/** Progress on stderr: live on a terminal, timestamped lines elsewhere; warnings only when quiet, nothing beside JSON. */
export function progressView(options: { readonly quiet: boolean; readonly json: boolean }): ProgressView | undefined {
  if (options.json) return undefined;
  if (options.quiet) return quietView();
  return process.stderr.isTTY ? liveView(process.stderr) : plainView();
}

/** Warnings, at the end: only then is it known whether they are news. */
function quietView(): ProgressView {
  const lines: string[] = [];
  return {
    onEvent(event) {
      if (event.type === "warning") lines.push(plainLine(event));
    },
    close(isSilent = false) {
      if (!isSilent) process.stderr.write(lines.join(""));
    },
  };
}

function plainView(): ProgressView {
  return {
    onEvent(event) {
      if (isNews(event)) process.stderr.write(plainLine(event));
    },
    close() {},
  };
}

function plainLine(event: RunEvent): string {
  return paint(`${localTime(event.at)} ${logLine(event)}\n`, process.stderr);
}

function isNews({ type }: RunEvent): boolean {
  return type !== "step:output" && type !== "stage:start" && type !== "stage:end" && type !== "run:end";
}

const FRAMES = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];

/** One line that lives: the step at work, how long it has been, and the last line it said. What is done stays above. */
function liveView(stream: NodeJS.WriteStream): ProgressView {
  let step: { name: string; since: number } | undefined;
  let said = "";
  let frame = 0;

  const clear = (): void => {
    stream.write("\r\x1b[K");
  };
  const draw = (): void => {
    if (step === undefined) return;
    frame += 1;
    const text = `${FRAMES[frame % FRAMES.length]} ${step.name} ${Math.floor((performance.now() - step.since) / 1000)} s  ${said}`;
    // Colours of a command would leak into the rest.
    const plain = text.replace(/\x1b\[[0-9;]*[A-Za-z]/g, "");
    stream.write(`\r\x1b[K${plain.slice(0, Math.max(20, stream.columns - 1))}`);
  };
  const print = (line: string): void => {
    clear();
    stream.write(`${paint(line, stream)}\n`);
    draw();
  };
  const timer = setInterval(draw, 100);
  timer.unref();

  return {
    onEvent(event) {
      switch (event.type) {
        case "step:start":
          step = { name: `${event.stage} › ${event.step}`, since: performance.now() };
          said = "";
          return draw();
        case "step:output":
          said = event.line;
          return;
        case "step:end": {
          step = undefined;
          const mark = event.outcome === "ok" ? "✔" : "✖";
          return print(`${mark} ${event.stage} › ${event.step}  ${seconds(event.milliseconds)}`);
        }
        case "release":
          return print(`  release ${event.id}`);
        case "plan":
          return print(`  ${event.plugin}: ${event.text}`);
        case "info":
        case "warning":
        case "undo:start":
          return print(`  ${logLine(event)}`);
        case "undo:end":
          return event.outcome === "failed" ? print(`  ${logLine(event)}`) : undefined;
        default:
          return undefined;
      }
    },
    close() {
      clearInterval(timer);
      clear();
    },
  };
}
