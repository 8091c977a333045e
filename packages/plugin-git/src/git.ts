import { definePlugin, type PluginFactory, redactor } from "@deployer/core";
import { checkout } from "./checkout.ts";
import { fetchRevision, forgetRevisions } from "./mirror.ts";
import { type GitOptions, gitOptionsSchema } from "./options.ts";
import { remoteHash } from "./remote-hash.ts";

/** Watches a branch or tag of a git remote, and puts one commit into each release. */
export const git: PluginFactory<GitOptions> = definePlugin<GitOptions>(
  (options) => {
    const { remote, ref: watched, timeoutMs, askTimeoutMs } = options as Required<GitOptions>;
    const ssh = { sshKey: options.sshKey, knownHosts: options.knownHosts };
    // Decisions are kept under it: it must not change when something else becomes a secret.
    const named = redactor({})(remote);
    return {
      name: "git",

      async preflight(ctx) {
        const version = await ctx.runner.run({
          file: "git",
          args: ["--version"],
          cwd: ctx.paths.root,
          env: ctx.env,
          timeoutMs: 10_000,
        });
        if (!version.ok) ctx.problem("git was not found.", "Install it, as with: sudo apt install git");
      },

      async plan({ revision, paths }) {
        return [`check out ${revision.hash.slice(0, 7)} (${revision.ref}) below ${paths.releases}`];
      },

      async detect(ctx) {
        const ref = ctx.ref ?? watched;
        return { hash: await remoteHash(ctx, remote, ref, askTimeoutMs, ssh), ref, remote: named };
      },

      prepare: {
        step: "checkout",
        async handler(ctx) {
          await fetchRevision(ctx, ctx.release, { remote, timeoutMs, ssh });
          await checkout(ctx, ctx.release, { remote, timeoutMs, ssh });
        },
      },

      async cleanup(ctx) {
        await forgetRevisions(ctx, ctx.removed);
      },
    };
  },
  gitOptionsSchema,
  "git",
);
