import { expect, it } from "vitest";
import { nodeFileSystem } from "../ports/node-file-system.ts";
import { testContext } from "../testing/test-context.ts";
import { foreseeMemory, memoryWarning } from "./memory.ts";

const MIB = 2 ** 20;

it("says with figures that memory is too small for one more copy of the biggest worker", () => {
  expect(memoryWarning("shop", 100 * MIB, [90 * MIB, 150 * MIB])).toContain(
    "two copies of shop: 100 MiB are available, and one worker has 150 MiB resident",
  );
});

it("says nothing when there is room, nothing runs, or the kernel does not tell", () => {
  expect(memoryWarning("shop", 151 * MIB, [150 * MIB])).toBeUndefined();
  expect(memoryWarning("shop", 0, [])).toBeUndefined();
  expect(memoryWarning("shop", undefined, [MIB])).toBeUndefined();
});

it("reads what this machine says, and leaves out a worker that is gone", async () => {
  const context = testContext("/nowhere");
  await foreseeMemory(context, "shop", [process.pid, 2 ** 30]);
  expect(context.warnings).toEqual([]);
  const readText = async (path: string): Promise<string> =>
    path === "/proc/meminfo" ? "MemTotal: 9 kB\nMemAvailable:       4 kB\n" : nodeFileSystem.readText(path);
  const small = testContext("/nowhere", {}, { fs: { ...nodeFileSystem, readText } });
  await foreseeMemory(small, "shop", [process.pid, 2 ** 30]);
  expect(small.warnings.join()).toContain("4.0 KiB are available");
});

it("counts the limits of a worker's control groups, the cache that they can give back apart", async () => {
  const files: Record<string, string> = {
    "/proc/meminfo": "MemAvailable:       900000 kB\n",
    "/proc/7/status": "VmRSS:\t  102400 kB\n",
    "/proc/7/cgroup": "0::/system.slice/pm2.service\n",
    "/sys/fs/cgroup/system.slice/pm2.service/memory.max": "max\n",
    "/sys/fs/cgroup/system.slice/pm2.service/memory.current": "1000\n",
    "/sys/fs/cgroup/system.slice/memory.max": `${500 * MIB}\n`,
    "/sys/fs/cgroup/system.slice/memory.current": `${450 * MIB}\n`,
    "/sys/fs/cgroup/system.slice/memory.stat": `anon 1\ninactive_file ${30 * MIB}\n`,
  };
  const readText = (path: string): Promise<string> =>
    files[path] === undefined ? Promise.reject(new Error("ENOENT")) : Promise.resolve(files[path]);
  const context = testContext("/nowhere", {}, { fs: { ...nodeFileSystem, readText } });
  await foreseeMemory(context, "shop", [7]);
  expect(context.warnings.join()).toContain("80.0 MiB are available, and one worker has 100 MiB resident");
});
