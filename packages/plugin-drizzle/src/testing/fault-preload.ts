// Loaded into the process that migrates, and does nothing in any other: the fault that a test asks for.
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import Database from "better-sqlite3";
import type { Fault } from "./fault.ts";

const fault = JSON.parse(process.env.DEPLOYER_TEST_FAULT ?? "null") as Partial<Fault> | null;
const isMigrating = /(held|command)-child\.[jt]s$/.test(process.argv[1] ?? "");
const FS_CALLS = ["writeFileSync", "renameSync", "fsyncSync", "linkSync", "rmSync"] as const;
const openSync = fs.openSync;
let count = 0;

if (fault !== null && isMigrating) {
  patchSqlite();
  patchFileSystem();
}

/** One event: does what the fault says when it is its turn. */
function event(kind: "prepare" | "run" | "fs" | "open", text: string, connection?: Database.Database): void {
  if (fault?.log !== undefined) realAppend(fault.log, `${kind} ${text.replaceAll("\n", " ")}\n`);
  if (fault?.act === undefined || (fault.on !== "any" && fault.on !== kind)) return;
  if (fault.matching !== undefined && !text.includes(fault.matching)) return;
  count += 1;
  if (count === (fault.nth ?? 1)) act(fault as Fault, connection);
}

function act({ act, code, sql, file }: Fault, connection: Database.Database | undefined): void {
  if (act === "kill-parent" || act === "kill-both") process.kill(process.ppid, "SIGKILL");
  if (act === "kill" || act === "kill-both") process.kill(process.pid, "SIGKILL");
  if (act === "fail") throw new Database.SqliteError(`injected ${code}`, code ?? "SQLITE_IOERR");
  if (act === "hang") {
    connection?.prepare("WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n").get();
  }
  if (act === "also") connection?.exec(sql ?? "");
  if (act === "stop") {
    realAppend(file ?? "", String(process.pid), "w");
    while (!fs.existsSync(`${file}.go`)) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
  }
}

function patchSqlite(): void {
  const prepare = Database.prototype.prepare;
  Database.prototype.prepare = function (this: Database.Database, sql: string) {
    event("prepare", sql, this);
    const statement = prepare.call(this, sql);
    const run = statement.run.bind(statement) as (...values: unknown[]) => Database.RunResult;
    Object.assign(statement, {
      run: (...values: unknown[]) => {
        event("run", sql, this);
        return run(...values);
      },
    });
    return statement;
  } as typeof prepare;
}

function patchFileSystem(): void {
  for (const name of FS_CALLS) {
    const call = fs[name] as (...values: unknown[]) => unknown;
    Object.assign(fs, {
      [name]: (...values: unknown[]) => {
        event("fs", `${name} ${typeof values[0] === "string" ? values[0] : ""}`);
        return call(...values);
      },
    });
  }
  Object.assign(fs, {
    openSync: (path: string, flags: fs.OpenMode, mode?: fs.Mode) => {
      if (flags !== "r") event("open", path);
      return openSync(path, flags, mode);
    },
  });
  syncBuiltinESMExports();
}

// Not by what is patched above.
function realAppend(path: string, text: string, flag: "a" | "w" = "a"): void {
  const file = openSync(path, flag);
  fs.writeSync(file, text);
  fs.closeSync(file);
}
