import { assertType, expectTypeOf, test } from "vitest";
import type { Release } from "./release.ts";
import type { Run } from "./run.ts";

declare const run: Run;
declare const draft: Release<"draft">;
declare const prepared: Release<"prepared">;
declare const linked: Release<"linked">;
declare const built: Release<"built">;
declare const gated: Release<"gated">;
declare const migrated: Release<"migrated">;
declare const active: Release<"active">;
declare const retained: Release<"retained">;
declare const approved: Release<"approved">;
declare const cleared: Release<"cleared">;

test("a deployment goes from draft to active, a rollback from retained to active", () => {
  expectTypeOf(run.prepare(draft)).resolves.toEqualTypeOf(prepared);
  expectTypeOf(run.link(prepared)).resolves.toEqualTypeOf(linked);
  expectTypeOf(run.build(linked)).resolves.toEqualTypeOf(built);
  expectTypeOf(run.gate(built)).resolves.toEqualTypeOf(gated);
  expectTypeOf(run.migrate(gated)).resolves.toEqualTypeOf(migrated);
  expectTypeOf(run.activate(migrated)).resolves.toEqualTypeOf(active);
  expectTypeOf(run.rollback(retained, active)).resolves.toEqualTypeOf(approved);
  expectTypeOf(run.gate(approved)).resolves.toEqualTypeOf(cleared);
  expectTypeOf(run.activate(cleared)).resolves.toEqualTypeOf(active);
});

test("a stage that was skipped does not compile", () => {
  // @ts-expect-error an empty directory cannot be linked
  run.link(draft);
  // @ts-expect-error without links a build would write its data into the release
  run.build(prepared);
  // @ts-expect-error what was not built cannot be tried
  run.gate(linked);
  // @ts-expect-error nothing live is touched by a release that did not pass the gate
  run.migrate(built);
  // @ts-expect-error a release is not served before its migrations are committed
  run.activate(gated);
  // @ts-expect-error cleaning up comes after the commit point
  run.cleanup(migrated);
});

test("a wrong order does not compile", () => {
  // @ts-expect-error the gate comes before migrate, not after it
  run.gate(migrated);
  // @ts-expect-error a release is built once
  run.build(built);
  // @ts-expect-error an active release is not activated again
  run.activate(active);
});

test("a rollback neither skips its veto nor its gate, and never migrates", () => {
  // @ts-expect-error the plugins must be asked first
  run.gate(retained);
  // @ts-expect-error it goes through the same gate
  run.activate(approved);
  // @ts-expect-error migrations stay
  run.migrate(cleared);
  // @ts-expect-error a new release is no target of a rollback
  run.rollback(draft, active);
});

test("a state cannot be claimed", () => {
  // @ts-expect-error a state is part of the type, not a word
  assertType<Release<"migrated">>({ ...draft });
});
