import { mkdir, rename, symlink } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { gate } from "./gate.ts";
import { Machine } from "./testing/machine.ts";
import { quickSettings as settings } from "./testing/stage.ts";

let machine: Machine;

beforeEach(async () => {
  machine = await Machine.make();
});

afterEach(() => machine.close());

it.each(["ecosystem.config.cjs", "server.js"])(
  "a release whose %s is a link out of it is refused before anything of it runs",
  async (name) => {
    const release = await machine.release();
    const uploads = join(machine.root, "shared", "uploads");
    await mkdir(uploads, { recursive: true });
    await rename(join(release.path, name), join(uploads, name));
    await symlink(join("../../shared/uploads", name), join(release.path, name));
    await expect(gate(machine.gateContext(release), settings())).rejects.toMatchObject({
      ...{ code: "ERR_FOREIGN_LINK", exitCode: 4 },
      details: { link: join(release.path, name) },
    });
  },
);

it("an ecosystem file that the config shares is taken, and a script behind a link within the release", async () => {
  const release = await machine.release();
  await rename(join(release.path, "server.js"), join(release.path, "real.js"));
  await symlink("real.js", join(release.path, "server.js"));
  const shared = join(machine.root, "shared");
  await mkdir(shared, { recursive: true });
  await rename(join(release.path, "ecosystem.config.cjs"), join(shared, "ecosystem.config.cjs"));
  await symlink("../../shared/ecosystem.config.cjs", join(release.path, "ecosystem.config.cjs"));
  const context = machine.gateContext(release);
  const config = { ...context.config, shared: [{ path: "ecosystem.config.cjs", kind: "file" as const }] };
  await gate({ ...context, config }, settings({ gate: { settleMs: 0 } }));
});
