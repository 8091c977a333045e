import { describe, expect, it } from "vitest";
import { UndoStack } from "./undo-stack.ts";

const silent = { start: () => undefined, end: () => undefined };

describe("undo stack", () => {
  it("runs last to first, each when the one before it is done", async () => {
    const stack = new UndoStack();
    const done: string[] = [];
    stack.push("first", () => void done.push("first"));
    stack.push("second", async () => {
      await new Promise((resolve) => setImmediate(resolve));
      done.push("second");
    });
    expect(await stack.unwind(silent)).toEqual([]);
    expect(done).toEqual(["second", "first"]);
  });

  it("runs every undo even when one of them throws, and answers those that failed", async () => {
    const stack = new UndoStack();
    const done: string[] = [];
    stack.push("first", () => void done.push("first"));
    stack.push("throws", () => {
      throw new Error("no");
    });
    stack.push("rejects", () => Promise.reject("a string"));
    expect(await stack.unwind(silent)).toEqual([
      { label: "rejects", message: "a string" },
      { label: "throws", message: "no" },
    ]);
    expect(done).toEqual(["first"]);
  });

  it("runs an action once, however often it is unwound", async () => {
    const stack = new UndoStack();
    const done: string[] = [];
    stack.push("once", () => void done.push("once"));
    await stack.unwind(silent);
    await stack.unwind(silent);
    expect(done).toEqual(["once"]);
  });

  it("runs nothing after the commit point", async () => {
    const stack = new UndoStack();
    const done: string[] = [];
    stack.push("never", () => void done.push("never"));
    stack.clear();
    expect(await stack.unwind(silent)).toEqual([]);
    expect(done).toEqual([]);
  });

  it("forgets an action that was dropped, and only that one", async () => {
    const stack = new UndoStack();
    const done: string[] = [];
    const action = (): void => void done.push("kept");
    stack.push("same", action);
    const handle = stack.push("same", action);
    handle.drop();
    handle.drop();
    await stack.unwind(silent);
    expect(done).toEqual(["kept"]);
  });

  it("also runs what an undo itself asks to be undone", async () => {
    const stack = new UndoStack();
    const done: string[] = [];
    stack.push("outer", () => {
      stack.push("inner", () => void done.push("inner"));
    });
    await stack.unwind(silent);
    expect(done).toEqual(["inner"]);
  });

  it("gives up on an undo past its own deadline, tells it by its signal, and goes on", async () => {
    const stack = new UndoStack();
    const done: string[] = [];
    let told: AbortSignal | undefined;
    stack.push("first", ({ signal }) => void done.push(signal.aborted ? "aborted" : "fresh"));
    stack.push(
      "hangs",
      ({ signal }) => {
        told = signal;
        return new Promise(() => undefined);
      },
      { timeoutMs: 20 },
    );
    expect(await stack.unwind(silent)).toEqual([{ label: "hangs", message: "not done within 0.02 s" }]);
    expect(told?.aborted).toBe(true);
    expect(done).toEqual(["fresh"]);
  });

  it("tells each action's start and end", async () => {
    const stack = new UndoStack();
    const heard: string[] = [];
    stack.push("good", () => undefined);
    stack.push("bad", () => {
      throw new Error("no");
    });
    await stack.unwind({
      start: (label) => void heard.push(`start ${label}`),
      end: (label, failure) => void heard.push(`end ${label} ${failure ?? "ok"}`),
    });
    expect(heard).toEqual(["start bad", "end bad no", "start good", "end good ok"]);
  });
});
