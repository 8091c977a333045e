import { connect } from "node:net";

/** Where Node's inspector listens when SIGUSR1 opens it: https://nodejs.org/en/learn/getting-started/debugging */
export const INSPECTOR_PORT = 9229;
const ANSWER_MS = 10_000;

/** Closes it when we have gone: it waits for those who are connected. What is thrown there would end the worker. */
export const CLOSE = `setTimeout(() => {
  (process.getBuiltinModule?.("inspector") ?? process.mainModule?.require("inspector"))?.close();
}, 50)`;

export function isInspectorOpen(): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port: INSPECTOR_PORT });
    socket.on("connect", () => socket.end(() => resolve(true)));
    socket.on("error", () => resolve(false));
  });
}

export interface Remote {
  readonly value?: unknown;
  readonly objectId?: string;
  readonly description?: string;
}

interface Answer {
  readonly result?: Remote;
  readonly objects?: Remote;
  readonly exceptionDetails?: { readonly exception?: Remote };
}

/** https://chromedevtools.github.io/devtools-protocol/v8/Runtime/ */
export interface Inspector {
  readonly ask: (method: string, params: object) => Promise<Answer>;
  readonly close: () => void;
}

/** The value of an expression in the process. */
export async function evaluate(inspector: Inspector, expression: string): Promise<Remote | undefined> {
  return (await inspector.ask("Runtime.evaluate", { expression })).result;
}

/** The inspector that listens now, whosever it is. */
export async function connectInspector(): Promise<Inspector> {
  const signal = AbortSignal.timeout(ANSWER_MS);
  const listed = await fetch(`http://127.0.0.1:${INSPECTOR_PORT}/json/list`, { signal });
  const [target] = (await listed.json()) as { webSocketDebuggerUrl: string }[];
  return openInspector(String(target?.webSocketDebuggerUrl));
}

async function openInspector(url: string): Promise<Inspector> {
  const socket = new WebSocket(url);
  const next = (type: "open" | "message"): Promise<Event> =>
    new Promise((resolve, reject) => {
      const limit = setTimeout(() => reject(new Error("its inspector does not answer")), ANSWER_MS);
      const end = (settle: () => void) => (): void => {
        clearTimeout(limit);
        settle();
      };
      socket.addEventListener(type, (event) => end(() => resolve(event))(), { once: true });
      socket.addEventListener(
        "close",
        end(() => reject(new Error("its inspector closed"))),
        { once: true },
      );
    });
  await next("open");
  const ask = async (method: string, params: object): Promise<Answer> => {
    const answered = next("message");
    socket.send(JSON.stringify({ id: 1, method, params }));
    const { result, error } = JSON.parse(String(((await answered) as MessageEvent).data)) as {
      result: Answer;
      error?: { message: string };
    };
    if (error !== undefined) throw new Error(error.message);
    return result;
  };
  return { ask, close: () => socket.close() };
}
