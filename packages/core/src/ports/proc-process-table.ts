import { readdir, readFile, readlink, stat } from "node:fs/promises";
import { connectionsIn } from "./proc-net.ts";
import type { OpenFile, ProcessTable } from "./process-table.ts";

/** The process table of Linux, read from `/proc`. */
export const procProcessTable: ProcessTable = {
  async pids() {
    return (await readdir("/proc")).filter((name) => /^\d+$/.test(name)).map(Number);
  },

  async identity(pid) {
    const fields = await statFields(pid);
    if (fields === undefined || fields.state === "Z" || fields.state === "X") return undefined;
    return { pid, startTime: fields.startTime, bootId: await bootId() };
  },

  async isAlive(identity) {
    const now = await this.identity(identity.pid);
    return now !== undefined && now.startTime === identity.startTime && now.bootId === identity.bootId;
  },

  workingDirectory: (pid) => readlink(`/proc/${pid}/cwd`).catch(() => undefined),

  async environment(pid) {
    const text = await readFile(`/proc/${pid}/environ`, "utf8").catch(() => undefined);
    if (text === undefined) return undefined;
    return Object.fromEntries(
      text
        .split("\0")
        .filter((entry) => entry.includes("="))
        .map((entry) => [entry.slice(0, entry.indexOf("=")), entry.slice(entry.indexOf("=") + 1)]),
    );
  },

  async openFiles(pid) {
    const folder = `/proc/${pid}/fd`;
    const names = await readdir(folder).catch(() => []);
    const files = await Promise.all(names.map((name) => openFile(`/proc/${pid}`, name)));
    return files.filter((file) => file !== undefined);
  },

  async connections(pid) {
    const folder = `/proc/${pid}`;
    const names = await readdir(`${folder}/fd`).catch(() => []);
    const links = await Promise.all(names.map((name) => readlink(`${folder}/fd/${name}`).catch(() => "")));
    const sockets = new Set(links.map((link) => /^socket:\[(\d+)\]$/.exec(link)?.[1]));
    const tables = ["tcp", "tcp6"].map((name) => readFile(`${folder}/net/${name}`, "utf8").catch(() => ""));
    return connectionsIn((await Promise.all(tables)).join("\n"), (inode) => sockets.has(inode));
  },

  async children(pid) {
    const tasks = await readdir(`/proc/${pid}/task`).catch(() => []);
    const lists = await Promise.all(
      tasks.map((task) => readFile(`/proc/${pid}/task/${task}/children`, "utf8").catch(() => "")),
    );
    return lists.flatMap((list) => list.split(" ").filter(Boolean).map(Number));
  },

  parent: async (pid) => (await statFields(pid))?.parent,

  signal(pid, name) {
    try {
      process.kill(pid, name);
    } catch {
      // It is gone.
    }
  },
};

async function openFile(process: string, fd: string): Promise<OpenFile | undefined> {
  try {
    const name = await readlink(`${process}/fd/${fd}`);
    if (!name.startsWith("/")) return undefined;
    const { dev, ino } = await stat(`${process}/fd/${fd}`);
    const flags = /^flags:\s*([0-7]+)/m.exec(await readFile(`${process}/fdinfo/${fd}`, "utf8"))?.[1] ?? "0";
    // The last two bits are the access mode: 0 is reading only.
    return { path: name, device: dev, inode: ino, writable: (Number.parseInt(flags, 8) & 3) !== 0 };
  } catch {
    return undefined;
  }
}

async function statFields(pid: number): Promise<{ state: string; parent: number; startTime: string } | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => undefined);
  if (text === undefined) return undefined;
  // The command's name stands in parentheses and may hold spaces; fields 3 (state), 4 (parent) and 22 (start time) come after it.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return { state: fields[0] ?? "", parent: Number(fields[1]), startTime: fields[19] ?? "" };
}

let boot: Promise<string> | undefined;

function bootId(): Promise<string> {
  boot ??= readFile("/proc/sys/kernel/random/boot_id", "utf8").then((text) => text.trim());
  return boot;
}
