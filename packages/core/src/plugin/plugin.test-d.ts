import { assertType, expectTypeOf, test } from "vitest";
import { deployerWith } from "../testing/index.ts";
import { command } from "./command.ts";
import { definePlugin } from "./define-plugin.ts";
import type { Plugin } from "./plugin.ts";
import { defineCommand } from "./plugin-command.ts";

const nothing = async (): Promise<void> => undefined;

test("a plugin is an object with the stages it takes part in", () => {
  definePlugin(() => ({ name: "none" }));
  definePlugin(() => ({ name: "one", build: nothing }));
  definePlugin(() => ({ name: "placed", build: { after: "node", step: "compile", handler: nothing } }));
  definePlugin(() => ({ name: "twice", build: [{ handler: nothing }, { before: ["pm2"], handler: nothing }] }));
  definePlugin(() => ({ name: "served", activate: { order: "post", handler: nothing } }));
});

test("a stage that does not exist, or is misspelt, does not compile", () => {
  assertType<Plugin>({
    name: "typo",
    // @ts-expect-error no such stage: it would never run
    biuld: nothing,
  });
  // @ts-expect-error no such stage: it would never run
  definePlugin(() => ({ name: "typo", deploy: nothing }) satisfies Plugin);
});

test("a plugin without a name does not compile", () => {
  // @ts-expect-error its name stands in the store, in before and in after
  definePlugin(() => ({ build: nothing }));
});

test("activate says where it stands, and only activate does", () => {
  // @ts-expect-error before or after `current` points at the release?
  definePlugin(() => ({ name: "vague", activate: nothing }));
  // @ts-expect-error before or after `current` points at the release?
  definePlugin(() => ({ name: "vague", activate: { handler: nothing } }));
  // @ts-expect-error there is no such place
  definePlugin(() => ({ name: "vague", activate: { order: "during", handler: nothing } }));
  // @ts-expect-error core stands in activate only, so pre and post mean nothing here
  definePlugin(() => ({ name: "vague", build: { order: "pre", handler: nothing } }));
});

test("there is no undo where nothing is taken back", () => {
  definePlugin(() => ({
    name: "undoing",
    async prepare({ undo }) {
      undo("x", () => undefined);
    },
    async link(paths, { undo }) {
      undo("x", async ({ signal }) => signal.throwIfAborted(), { timeoutMs: 1 }).drop();
      return paths;
    },
    async migrate({ undo }) {
      undo("x", () => undefined);
    },
  }));
  definePlugin(() => ({
    name: "wrong",
    // @ts-expect-error the release is served: a failing cleanup is a warning
    async cleanup({ undo }) {
      undo("x", () => undefined);
    },
    // @ts-expect-error detect only looks
    async detect({ undo }) {
      undo("x", () => undefined);
      return undefined;
    },
    // @ts-expect-error a rollback may refuse; what it does is done by gate and activate
    async rollback({ undo }) {
      undo("x", () => undefined);
    },
  }));
});

test("a context has what its stage may use, and no more", () => {
  definePlugin(() => ({
    name: "contexts",
    async build(ctx) {
      expectTypeOf(ctx.environment).toEqualTypeOf<Readonly<Record<string, string>>>();
      // @ts-expect-error nothing is switched in build
      ctx.current;
    },
    async gate(ctx) {
      expectTypeOf(ctx.onCopies).toBeBoolean();
      // @ts-expect-error migrations are committed in migrate
      ctx.migrated("core", []);
    },
    async rollback(ctx) {
      expectTypeOf(ctx.veto("reason", "hint")).toBeNever();
    },
    activate: {
      order: "post",
      async handler(ctx) {
        expectTypeOf(ctx.current.restore).returns.resolves.toBeVoid();
        // @ts-expect-error the release is not to be changed
        ctx.release.path = "/";
      },
    },
  }));
});

test("link answers the list, and detect a revision or nothing", () => {
  // @ts-expect-error the list must be passed on, or what others share is lost
  definePlugin(() => ({ name: "forgetful", link: nothing }));
  // @ts-expect-error a hash alone does not say what was watched
  definePlugin(() => ({ name: "short", detect: async () => "3f2a1bc" }));
});

test("a factory takes its options, and may do without when they may be left out", () => {
  const needing = definePlugin<{ readonly port: number }>(() => ({ name: "needing" }));
  const easy = definePlugin<{ readonly port?: number } | undefined>(() => ({ name: "easy" }));
  needing({ port: 1 });
  easy();
  easy({ port: 1 });
  // @ts-expect-error the port is needed
  needing();
  // @ts-expect-error the port is a number
  needing({ port: "1" });
  // @ts-expect-error no such option
  easy({ prot: 1 });
});

test("a command is a list of words, in a stage where commands make sense", () => {
  command({ stage: "build", run: ["make", "all"] });
  // @ts-expect-error no shell string
  command({ stage: "build", run: "make all" });
  // @ts-expect-error no program
  command({ stage: "build", run: [] });
  // @ts-expect-error core alone makes the links
  command({ stage: "link", run: ["ln"] });
});

test("a test's deployer takes plugins as objects or as a config has them", () => {
  deployerWith({ plugins: [{ name: "a", build: nothing }, definePlugin(() => ({ name: "b" }))()] });
  // @ts-expect-error a plugin needs a name
  deployerWith({ plugins: [{ build: nothing }] });
});

test("a command's arguments and flags have the types that it says", () => {
  const command = defineCommand({
    summary: "",
    args: { one: { summary: "", required: true }, other: { summary: "" }, rest: { summary: "", many: true } },
    flags: { force: { summary: "", type: "boolean" }, name: { summary: "", type: "string", char: "n" } },
    async run({ args, flags, undo }) {
      expectTypeOf(args.one).toEqualTypeOf<string>();
      expectTypeOf(args.other).toEqualTypeOf<string | undefined>();
      expectTypeOf(args.rest).toEqualTypeOf<readonly string[]>();
      expectTypeOf(flags.force).toEqualTypeOf<boolean>();
      expectTypeOf(flags.name).toEqualTypeOf<string | undefined>();
      undo("x", () => undefined);
      // @ts-expect-error no such flag
      flags.forec;
      // @ts-expect-error no such argument
      args.two;
    },
  });
  definePlugin(() => ({ name: "commanding", commands: { command, plain: { summary: "", run: async () => "" } } }));
  // @ts-expect-error a flag is a boolean or a string
  defineCommand({ summary: "", flags: { n: { summary: "", type: "number" } }, run: async () => "" });
  // @ts-expect-error the help needs a line
  defineCommand({ run: async () => "" });
});
