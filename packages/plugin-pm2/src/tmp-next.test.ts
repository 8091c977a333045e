import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { startLoad } from "@deployer/core/testing";
import { it } from "vitest";
import { activate } from "./activate.ts";
import { gate } from "./gate.ts";
import { settingsOf } from "./options.ts";
import { Machine } from "./testing/machine.ts";

it("next", { timeout: 200_000 }, async () => {
  const m = await Machine.make();
  try {
    const make = async () => {
      const r = await m.release();
      execFileSync("rm", ["-rf", r.path]);
      execFileSync("cp", ["-al", "/tmp/nx", r.path]);
      writeFileSync(
        `${r.path}/ecosystem.config.cjs`,
        `module.exports={apps:[{name:"nx",script:"node_modules/next/dist/bin/next",args:"start -p ${m.port}",instances:2,exec_mode:"cluster",env:{NODE_ENV:"production"}}]}`,
      );
      return r;
    };
    const s = settingsOf({
      ecosystem: "ecosystem.config.cjs",
      health: "/api/health",
      soakMs: 500,
      healthTimeoutMs: 20000,
    });
    let prev = await make();
    let t = Date.now();
    await gate(m.gateContext(prev), { ...s, settleMs: 1000 });
    console.log("gate", Date.now() - t);
    t = Date.now();
    await activate(await m.activateContext(prev), s);
    console.log("start", Date.now() - t);
    const load = startLoad({ url: m.url, ratePerSecond: 200 });
    for (let i = 0; i < 5; i++) {
      const r = await make();
      t = Date.now();
      if (i === 0) {
        await gate(m.gateContext(r), { ...s, settleMs: 1000 });
        console.log("gate beside", Date.now() - t, load.now());
        t = Date.now();
      }
      await activate(await m.activateContext(r, prev), s);
      console.log("reload", Date.now() - t);
      prev = r;
    }
    const bad = await make();
    execFileSync("rm", ["-rf", `${bad.path}/.next`]);
    await gate(m.gateContext(bad), { ...s, settleMs: 1000 }).catch((e) => console.log("GATE", e.code, e.message));
    t = Date.now();
    await activate(await m.activateContext(bad, prev), s).catch((e) => console.log("ACT", e.code, e.message));
    await m.undo();
    console.log("undone", Date.now() - t);
    console.log(await load.stop());
  } finally {
    await m.close();
  }
});
