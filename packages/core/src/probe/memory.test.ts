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
