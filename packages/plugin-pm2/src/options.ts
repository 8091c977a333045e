import { type HealthCheck, patternOf } from "@deployer/core";
import { z } from "zod";
import { pm2FieldsAmong } from "./pm2-fields.ts";

/** One app, under the name it has in PM2. */
export interface Pm2AppOptions {
  /** The script, relative to the app. Without an ecosystem file only. */
  readonly script?: string;
  /** Without an ecosystem file only. */
  readonly args?: string | readonly string[];
  /** Without an ecosystem file only. @default 1 */
  readonly instances?: number | "max";
  /** Without an ecosystem file only. */
  readonly env?: Readonly<Record<string, string | number | boolean>>;
  /** Options for Node itself. Without an ecosystem file only. */
  readonly nodeArgs?: string | readonly string[];
  /** Without one the app is no candidate at the gate, and is accepted on status, working directory and soak. */
  readonly health?: HealthCheck;
}

/** The trial before traffic. */
interface GateOptions {
  /** Beside the app's own environment: its switches for jobs, mail and the like. */
  readonly env?: Readonly<Record<string, string>>;
  /** How long the candidate must stay healthy without a break. @default 5_000 */
  readonly settleMs?: number;
  /** With migrations pending the running release is tried on the migrated copies, too. @default true */
  readonly previous?: boolean;
}

/** The count of requests that fail during an activation. */
export interface ProbeOptions {
  /** Whom to ask, over http. @default the port in the app's arguments or PORT, with the path of its health check */
  readonly url?: string;
  /** @default 20 */
  readonly perSecond?: number;
}

export interface Pm2Options {
  /** The ecosystem file of the repository, relative to the app. Either this or `apps` with scripts. */
  readonly ecosystem?: string;
  /** By name in PM2: beside `ecosystem` the health checks, without it the whole definition. */
  readonly apps?: Readonly<Record<string, Pm2AppOptions>>;
  /** Merges `env_<name>` of the ecosystem file, as `pm2 start --env`. */
  readonly env?: string;
  /** The health check, when there is one app only. */
  readonly health?: HealthCheck;
  /** How long a worker may take to become healthy. @default 60_000 */
  readonly healthTimeoutMs?: number;
  /** `false`: releases take over without a trial. What is bad is then found in the reload only, worker by worker. */
  readonly gate?: false | GateOptions;
  /** How long all new workers are watched after the last one took over. @default 5_000 */
  readonly soakMs?: number;
  /** How long old workers may finish their requests. Past it they are ended, and the deploy still succeeds. @default 30_000 */
  readonly drainTimeoutMs?: number;
  /** `false`: the app's own shutdown code is all there is when a worker ends; what it does not finish is cut off. */
  readonly drain?: boolean;
  /**
   * Counts requests that fail while a release takes over: asks the health check through the public port, 20 times a
   * second, and says "0 failed of 412, worst 31 ms" in log, result and history. Off unless asked for, because the app's
   * own logs and statistics see these requests.
   */
  readonly probe?: boolean | ProbeOptions;
  /** Runs `pm2 save` after an accepted activation, so that a reboot starts `current`. @default true */
  readonly save?: boolean;
  /** The folder of the pm2 package, or its `pm2` program, when it is not the running daemon's. */
  readonly path?: string;
}

const DEFAULTS = {
  healthTimeoutMs: 60_000,
  settleMs: 5_000,
  soakMs: 5_000,
  drainTimeoutMs: 30_000,
  save: true,
} as const;

const relativePath = z
  .string()
  .regex(/^(?!\/)(?!.*(^|\/)\.\.(\/|$)).+$/, "must be a path inside the app, without a slash at the beginning");

const statusRangeSchema = z
  .string()
  .regex(
    /^[1-5]\d\d-[1-5]\d\d$/,
    'must be a status or a range of them, as "200-499"',
  ) as unknown as z.ZodType<`${number}-${number}`>;

function isBody(body: string): boolean {
  try {
    patternOf(body);
    return true;
  } catch {
    return false;
  }
}

const healthTimeoutSchema = z.int().positive().optional().describe("How long one answer may take; 5,000 unless given.");

const healthSchema = z.union([
  z.string().startsWith("/", 'must begin with a slash, as "/api/health"'),
  z
    .strictObject({
      path: z.string().startsWith("/").describe("Path of the request."),
      status: z
        .union([z.int().min(100).max(599), statusRangeSchema])
        .optional()
        .describe('The status that counts as well, or a range; "200-399" unless given.'),
      body: z
        .string()
        .min(1)
        .refine(isBody, "is no regular expression")
        .optional()
        .describe('What the answer must hold: a text, or a regular expression between slashes, "/^ok$/m".'),
      header: z.string().optional().describe("Name of the answer's header in which the revision stands."),
      json: z
        .string()
        .optional()
        .describe("Key of the JSON answer in which the revision stands, dotted when it lies deeper."),
      timeoutMs: healthTimeoutSchema,
    })
    .refine(
      (check) => check.header === undefined || check.json === undefined,
      "the revision stands in `header` or in `json`, not in both",
    ),
  z.strictObject({
    tcp: z.int().min(1).max(65_535).describe("The port that must accept connections, for what speaks no HTTP."),
    timeoutMs: healthTimeoutSchema,
  }),
  z.strictObject({
    command: z
      .tuple([z.string().min(1)], z.string())
      .describe("Program and arguments that exit with 0 when the app is well; no shell."),
    timeoutMs: healthTimeoutSchema,
  }),
]);

const wordsSchema = z.union([z.string(), z.array(z.string())]);

const appSchema = z.strictObject({
  script: z
    .string()
    .regex(/^[^/]/, "must be a path in the release, relative to the app")
    .optional()
    .describe("The script, relative to the app. Without an ecosystem file only."),
  args: wordsSchema.optional().describe("Arguments of the script. Without an ecosystem file only."),
  instances: z
    .union([z.int().positive(), z.literal("max")])
    .optional()
    .describe("How many workers. Without an ecosystem file only."),
  env: z
    .record(z.string(), z.union([z.string(), z.number(), z.boolean()]))
    .optional()
    .describe("Environment variables. Without an ecosystem file only."),
  nodeArgs: wordsSchema.optional().describe("Options for Node itself. Without an ecosystem file only."),
  health: healthSchema.optional().describe("The app's health check."),
});

const probeSchema = z.strictObject({
  url: z
    .url({ protocol: /^http$/, error: 'must be an http URL, as "http://127.0.0.1:3000/api/health"' })
    .optional()
    .describe("Whom to ask; the app's own port with the path of its health check unless given."),
  perSecond: z.int().min(1).max(1_000).optional().describe("How many requests a second; 20 unless given."),
});

const gateSchema = z.strictObject({
  env: z
    .record(z.string(), z.string())
    .optional()
    .describe("Beside the app's own environment: its switches for jobs and mail."),
  settleMs: z
    .int()
    .nonnegative()
    .optional()
    .meta({ description: "How long the candidate must stay healthy without a break.", default: DEFAULTS.settleMs }),
  previous: z
    .boolean()
    .optional()
    .describe("With migrations pending the running release is tried on the migrated copies, too, unless false."),
});

/** Checks the options, and that they say in one place what there is to run. */
export const pm2OptionsSchema: z.ZodType<Pm2Options> = z
  .strictObject({
    ecosystem: relativePath.optional().describe("The ecosystem file of the repository, relative to the app."),
    apps: z
      .record(z.string().min(1), appSchema)
      .optional()
      .describe("Apps by their names in PM2: beside `ecosystem` their health checks, without it the whole definition."),
    env: z.string().min(1).optional().describe("Merges `env_<name>` of the ecosystem file."),
    health: healthSchema.optional().describe("The health check, when there is one app only."),
    healthTimeoutMs: z
      .int()
      .positive()
      .optional()
      .meta({ description: "How long a worker may take to become healthy.", default: DEFAULTS.healthTimeoutMs }),
    gate: z
      .union([z.literal(false), gateSchema])
      .optional()
      .describe("The trial before traffic; `false` leaves it out, and a bad release is found in the reload only."),
    soakMs: z.int().nonnegative().optional().meta({
      description: "How long all new workers are watched after the last one took over.",
      default: DEFAULTS.soakMs,
    }),
    drainTimeoutMs: z
      .int()
      .positive()
      .optional()
      .meta({ description: "How long old workers may finish their requests.", default: DEFAULTS.drainTimeoutMs }),
    drain: z
      .boolean()
      .optional()
      .meta({ description: "`false` leaves it to the app to finish its requests as a worker ends.", default: true }),
    probe: z
      .union([z.boolean(), probeSchema])
      .optional()
      .describe("Counts requests to the public port that fail while a release takes over; off unless given."),
    save: z
      .boolean()
      .optional()
      .meta({ description: "Runs `pm2 save` after an accepted activation.", default: DEFAULTS.save }),
    path: z
      .string()
      .startsWith("/", "must be an absolute path")
      .optional()
      .describe("The folder of the pm2 package, or its `pm2` program."),
  })
  .superRefine((options, check) => {
    const apps = Object.entries(options.apps ?? {});
    const problem = (path: string[], message: string): void => {
      check.addIssue({ code: "custom", path, message });
    };
    if (options.ecosystem === undefined && apps.length === 0) {
      problem(
        ["ecosystem"],
        'name the ecosystem file ("ecosystem.config.cjs"), or the apps with their scripts in `apps`',
      );
    }
    for (const [name, app] of apps) {
      for (const field of pm2FieldsAmong(Object.keys(app.env ?? {})))
        problem(["apps", name, "env", field], "PM2 takes a variable of such a name for its own setting; rename it");
      if (options.ecosystem === undefined) {
        if (app.script === undefined)
          problem(["apps", name, "script"], "without an ecosystem file each app needs a script");
        continue;
      }
      for (const field of ["script", "args", "instances", "env", "nodeArgs"] as const) {
        if (app[field] !== undefined)
          problem(["apps", name, field], `belongs into ${options.ecosystem}; beside it only health is said here`);
      }
    }
    if (options.health === undefined) return;
    if (options.ecosystem === undefined && apps.length > 1) {
      problem(["health"], "with several apps each has its own: write it as `apps.<name>.health`");
    }
    for (const [name, app] of apps) {
      if (app.health !== undefined) problem(["apps", name, "health"], "the health check stands at the top already");
    }
  });

/** The options with their defaults. */
export interface Settings extends Omit<Pm2Options, "probe" | "drain"> {
  /** `undefined`: nobody counts. */
  readonly probe: ProbeOptions | undefined;
  readonly healthTimeoutMs: number;
  /** `undefined`: no trial. */
  readonly trial: (GateOptions & { readonly settleMs: number }) | undefined;
  readonly soakMs: number;
  /** 0: it is left to the app. */
  readonly drainTimeoutMs: number;
  readonly save: boolean;
}

export function settingsOf(options: Pm2Options): Settings {
  return {
    ...options,
    healthTimeoutMs: options.healthTimeoutMs ?? DEFAULTS.healthTimeoutMs,
    probe: options.probe === true ? {} : options.probe || undefined,
    trial:
      options.gate === false ? undefined : { ...options.gate, settleMs: options.gate?.settleMs ?? DEFAULTS.settleMs },
    soakMs: options.soakMs ?? DEFAULTS.soakMs,
    drainTimeoutMs: options.drain === false ? 0 : (options.drainTimeoutMs ?? DEFAULTS.drainTimeoutMs),
    save: options.save ?? DEFAULTS.save,
  };
}
