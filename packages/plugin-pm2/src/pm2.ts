import { definePlugin, type PluginFactory } from "@deployer/core";
import { activate } from "./activate.ts";
import { downtime } from "./downtime.ts";
import { gate } from "./gate.ts";
import { type Pm2Options, pm2OptionsSchema, settingsOf } from "./options.ts";
import { plan } from "./plan.ts";
import { preflight } from "./preflight.ts";
import { probed } from "./probing.ts";
import { recover } from "./recover.ts";
import { status } from "./status.ts";
import { tidy } from "./tidy.ts";

/** Serves the app with PM2: tries a release out of traffic, then reloads worker by worker, each verified. */
export const pm2: PluginFactory<Pm2Options> = definePlugin(
  (options: Pm2Options) => {
    const settings = settingsOf(options);
    return {
      name: "pm2",
      preflight: (context) => preflight(context, settings),
      plan: (context) => plan(context, settings),
      gate: (context) => gate(context, settings),
      activate: {
        order: "post", // after `current` points at the release: workers start through it
        handler: (context) => probed(context, settings, () => activate(context, settings)),
      },
      downtime: (context) => downtime(context),
      status: (context) => status(context, settings),
      cleanup: (context) => tidy(context, settings),
      recover: (context) => recover(context, settings),
    };
  },
  pm2OptionsSchema,
  "pm2",
);
