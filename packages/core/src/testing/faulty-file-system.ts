import type { FileSystem } from "../ports/file-system.ts";

export interface Fault {
  readonly call: keyof FileSystem;
  /** Which of those calls fails, counted from 1; "all" for each of them. @default 1 */
  readonly nth?: number | "all";
  /** Counts only calls with a path that has this in it. */
  readonly path?: string;
  /** An error, or the code of one, as "ENOSPC". */
  readonly error: string | Error;
}

/** The file system given, in which some calls fail: before they have done anything, as on a full disk. */
export function faultyFileSystem(fs: FileSystem, ...faults: readonly Fault[]): FileSystem {
  const counts = new Map<Fault, number>();
  const faulty = (call: string, args: readonly unknown[]): Fault | undefined =>
    faults.find((fault) => {
      if (fault.call !== call || !args.some((arg) => String(arg).includes(fault.path ?? ""))) return false;
      const count = (counts.get(fault) ?? 0) + 1;
      counts.set(fault, count);
      return fault.nth === "all" || count === (fault.nth ?? 1);
    });
  return new Proxy(fs, {
    get(target, call: string, receiver) {
      const real = Reflect.get(target, call, receiver) as (...args: unknown[]) => Promise<unknown>;
      return async (...args: unknown[]) => {
        const fault = faulty(call, args);
        if (fault === undefined) return real(...args);
        throw typeof fault.error === "string" ? systemError(fault.error, call, args) : fault.error;
      };
    },
  });
}

function systemError(code: string, call: string, args: readonly unknown[]): Error {
  return Object.assign(new Error(`${code}: injected, ${call} '${String(args[0])}'`), { code, syscall: call });
}
