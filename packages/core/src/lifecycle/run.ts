import { coreError } from "../errors/catalog.ts";
import { plural } from "../errors/plural.ts";
import { checkedTexts } from "../plugin/answers.ts";
import type {
  ActivateContext,
  BuildContext,
  CleanupContext,
  Context,
  CopyBeside,
  DetectContext,
  GateContext,
  LinkContext,
  MigrateContext,
  PrepareContext,
  RollbackContext,
  Trial,
} from "../plugin/contexts.ts";
import { demand, shown } from "../plugin/odd-answer.ts";
import type { Plugin } from "../plugin/plugin.ts";
import { registerPlugins } from "../plugin/register.ts";
import { takePlaces } from "../release/checked-out.ts";
import { switchCurrent } from "../release/current-link.ts";
import { type LinkSite, prepareTargets, verifyLinks } from "../release/links.ts";
import { releaseId } from "../release/release-id.ts";
import { mergeShared } from "../release/shared-list.ts";
import type { SharedPath } from "../release/shared-path.ts";
import { writeReleaseList } from "../store/release-list.ts";
import type { ReleaseRecord } from "../store/run-store.ts";
import { discardRelease } from "./discard-release.ts";
import { createHooks, type Hooks, type StageCall } from "./hooks.ts";
import type { PreviousRelease } from "./previous-release.ts";
import { clonePrevious } from "./previous-trial.ts";
import { pruneReleases } from "./prune-releases.ts";
import type { Release, ReleaseInfo, ReleaseState, Revision } from "./release.ts";
import { olderReleases } from "./rollback-target.ts";
import { RunFacts } from "./run-facts.ts";
import { endRunProcesses } from "./run-processes.ts";
import type { Session } from "./session.ts";
import { StageRunner } from "./stage-runner.ts";
import { Substitutes } from "./substitutes.ts";
import type { UndoStack } from "./undo-stack.ts";

/** The stages, each taking a release in one state and returning it in the next. Nothing live is touched before `migrate`. */
export class Run {
  readonly steps: StageRunner;
  readonly facts: RunFacts;
  readonly #session: Session;
  readonly #undo: UndoStack;
  readonly #previous: PreviousRelease;
  readonly #hooks: Hooks = createHooks();
  readonly #substitutes = new Substitutes();
  readonly #stage: StageRunner["stage"];
  readonly #call: StageRunner["call"];
  #shared: readonly SharedPath[] = [];
  #gateSkipped: string | undefined;
  #tryPrevious: { readonly mayFail: boolean } | undefined;

  constructor(
    session: Session,
    undo: UndoStack,
    previous: PreviousRelease,
    plugins: readonly Plugin[] = session.resolved.plugins,
  ) {
    this.#session = session;
    this.#undo = undo;
    this.#previous = previous;
    this.facts = new RunFacts(session);
    this.steps = new StageRunner(session);
    this.#stage = (stage, work) => this.steps.stage(stage, work);
    this.#call = (stage, extra) => this.steps.call(stage, extra);
    registerPlugins(this.#hooks, plugins, (context) => this.#switchCurrent(context));
  }

  /** Where the watched ref, or the one asked for, stands now. @throws ERR_NO_REVISION when no plugin knows */
  detect(ref: string | undefined): Promise<Revision> {
    return this.#stage("detect", async () => {
      const revision = await this.#hooks.detect.promise(this.#call<DetectContext>("detect", { ref }));
      if (revision !== undefined) return revision;
      throw coreError("ERR_NO_REVISION", {
        message: "No plugin says where the watched ref stands.",
        hint: 'Add one to `plugins`, as git({ remote: "git@example.org:me/shop.git", ref: "main" }).',
      });
    });
  }

  /** Records a new release and makes its empty directory; a name that was ever used is never used again. */
  async draft(revision: Revision): Promise<Release<"draft">> {
    const { store, ports, paths, run } = this.#session;
    const onDisk = new Set(await ports.fs.list(paths.releases));
    const id = releaseId(ports.clock.now(), revision.hash, (name) => onDisk.has(name) || store.hasReleaseId(name));
    const record = store.addRelease(id, revision, run.id, ports.clock.now());
    const release = { ...this.#session.releaseInfo(record), state: "draft" as const };
    this.#undo.push("remove the new release", () => discardRelease(this.#session, release));
    await ports.fs.createDirectory(release.path, 0o755);
    this.#session.emit({ type: "release", id, revision: revision.hash });
    return release;
  }

  /** Puts the revision's files into the release. */
  prepare(draft: Release<"draft">): Promise<Release<"prepared">> {
    return this.#stage("prepare", async () => {
      await this.#hooks.prepare.promise(this.#call<PrepareContext>("prepare", this.#releaseExtra(draft)));
      await takePlaces(this.#site(draft));
      return become(draft, "prepared");
    });
  }

  /** Links what is shared, or what stands for it until the gate has passed. */
  link(prepared: Release<"prepared">): Promise<Release<"linked">> {
    return this.#stage("link", async () => {
      const call = this.#call<LinkContext>("link", (plugin) => this.#linkExtra(plugin, prepared));
      const paths = await this.#hooks.link.promise(this.#session.config.shared, call);
      this.#shared = mergeShared(paths);
      await call.step("core", "links", async (context) => {
        const site = this.#site(prepared);
        await prepareTargets(site, this.#shared);
        for (const entry of this.#shared) await this.#substitutes.link(site, entry, context);
        await this.#substitutes.fillBeside(site, context);
        // A file that may be missing may appear later: an older release is none the worse for not seeing it.
        const expected = this.#shared.filter((entry) => !entry.mayBeMissing);
        this.#session.store.setShared(prepared.id, expected);
      });
      return become(prepared, "linked");
    });
  }

  build(linked: Release<"linked">): Promise<Release<"built">> {
    return this.#stage("build", async () => {
      const session = this.#session;
      const site = this.#site(linked);
      const substitutes = this.#substitutes;
      await this.#hooks.build.promise(
        this.#call<BuildContext>("build", {
          ...this.#releaseExtra(linked),
          links: substitutes.links(site, this.#shared),
          get environment(): Record<string, string> {
            return { ...session.env, DEPLOYER_REVISION: linked.revision.hash, ...substitutes.environment };
          },
        }),
      );
      await substitutes.refill(site);
      return become(linked, "built");
    });
  }

  /** The trial before traffic. Its end is the end of the substitutes: the real links are swapped in. */
  gate(built: Release<"built">): Promise<Release<"gated">>;
  gate(approved: Release<"approved">): Promise<Release<"cleared">>;
  gate(release: Release<"built"> | Release<"approved">): Promise<Release<"gated"> | Release<"cleared">> {
    return this.#stage("gate", async () => {
      const call = this.#call<GateContext>("gate", {
        ...this.#releaseExtra(release),
        trials: this.#gateSkipped === undefined ? await this.#trials(release) : [],
        onCopies: this.#substitutes.areThere,
        copies: this.#substitutes.copies(this.#site(release)),
      });
      if (this.#gateSkipped === undefined) await this.#hooks.gate.promise(call);
      else this.#session.warn(`The release is not tried before it takes over: ${this.#gateSkipped}`);
      if (release.state === "approved") return become(release, "cleared");
      await call.step("core", "settle", (context) => this.#settle(release, context));
      return become(release, "gated");
    });
  }

  /** The first stage that touches anything live. */
  migrate(gated: Release<"gated">): Promise<Release<"migrated">> {
    return this.#stage("migrate", async () => {
      await this.#verifyLinks(gated);
      const extra = {
        ...this.#releaseExtra(gated),
        migrated: this.facts.addMigrated,
        oneWay: this.facts.addOneWay,
      };
      await this.#hooks.migrate.promise(this.#call<MigrateContext>("migrate", extra));
      return become(gated, "migrated");
    });
  }

  /** Points `current` at the release and has it served. When it returns, the release is good. */
  activate(release: Release<"migrated"> | Release<"cleared">): Promise<Release<"active">> {
    return this.#stage("activate", async () => {
      await this.#verifyLinks(release);
      const current = { path: this.#session.paths.current, restore: () => this.#previous.restore() };
      await this.#hooks.activate.promise(
        this.#call<ActivateContext>("activate", {
          ...this.#releaseExtra(release),
          current,
          measured: this.facts.addRequests,
        }),
      );
      return become(release, "active");
    });
  }

  /** After the commit point: what fails here is told and changes nothing. */
  cleanup(active: Release<"active">): Promise<void> {
    return this.#stage("cleanup", async () => {
      const { ports, paths, store } = this.#session;
      const removed: ReleaseInfo[] = [];
      const call = this.#call<CleanupContext>("cleanup", { ...this.#releaseExtra(active), removed });
      const gentle: StageCall<CleanupContext> = {
        step: (plugin, step, handler) =>
          call.step(plugin, step, handler).catch((error: unknown) => {
            this.#session.warn(`Cleaning up (${step}) failed: ${String(error)}. The release is served all the same.`);
            return undefined as never;
          }),
      };
      await gentle.step("core", "retention", async () => {
        removed.push(...(await pruneReleases(this.#session, active, this.#previous.info)));
        await writeReleaseList(ports.fs, paths, store);
      });
      await this.#hooks.cleanup.promise(gentle);
    });
  }

  /** A release of the past, to return to. */
  retained(record: ReleaseRecord): Release<"retained"> {
    this.#session.store.useRelease(this.#session.run.id, record);
    this.#session.emit({ type: "release", id: record.id, revision: record.revision.hash });
    this.#shared = record.shared;
    return { ...this.#session.releaseInfo(record), state: "retained" };
  }

  /** The release that is served, once more: it is fit, for it runs. */
  again(record: ReleaseRecord): Release<"approved"> {
    return become(this.retained(record), "approved");
  }

  /** The release of a run that died when its migrations were committed: it had passed the gate. */
  committed(record: ReleaseRecord): Release<"migrated"> {
    return become(this.retained(record), "migrated");
  }

  /** Leaves the gate out of this run, for a reason that is told. */
  skipGate(reason: string): void {
    this.#gateSkipped = reason;
  }

  /** Asks every plugin whether the release is still fit to be served. */
  rollback(retained: Release<"retained">, current: ReleaseInfo): Promise<Release<"approved">> {
    return this.#stage("rollback", async () => {
      const veto = (reason: string, hint: string): never => {
        checkedTexts("veto", reason, hint);
        throw coreError("ERR_RELEASE_UNSAFE", { message: reason, hint, details: { release: retained.id } });
      };
      const older = await olderReleases(this.#session, current);
      await this.#hooks.rollback.promise(
        this.#call<RollbackContext>("rollback", { ...this.#releaseExtra(retained), current, older, veto }),
      );
      return become(retained, "approved");
    });
  }

  async #switchCurrent(context: ActivateContext): Promise<void> {
    const { ports, paths, store } = this.#session;
    context.undo("point current back", () => this.#previous.restore());
    store.markCurrent(context.release.id);
    await switchCurrent(ports.fs, paths, context.release.id);
  }

  #linkExtra(plugin: string, release: ReleaseInfo): object {
    return {
      ...this.#releaseExtra(release),
      skipGate: (reason: string) => {
        checkedTexts("skipGate", reason);
        this.#gateSkipped = reason;
      },
      tryPrevious: ({ mayFail = false }: { readonly mayFail?: boolean } = {}) => {
        demand(typeof mayFail === "boolean", `mayFail of tryPrevious must be true or false, not ${shown(mayFail)}`);
        this.#tryPrevious = { mayFail };
      },
      copyBeside: (copies: CopyBeside) => this.#substitutes.addBeside(plugin, release.appPath, copies),
    };
  }

  async #trials(release: ReleaseInfo): Promise<Trial[]> {
    const trial = {
      label: release.id,
      release,
      directory: release.appPath,
      environment: { DEPLOYER_REVISION: release.revision.hash, ...this.#substitutes.environment },
    };
    const previous = await this.#previousTrial(release);
    return previous === undefined ? [trial] : [trial, previous];
  }

  async #previousTrial(release: ReleaseInfo): Promise<Trial | undefined> {
    const previous = this.#previous.info;
    const wanted = this.#tryPrevious;
    if (wanted === undefined || previous === undefined || !this.#substitutes.areThere) return undefined;
    const { ports, paths } = this.#session;
    this.#undo.push("remove the clone of the running release", () => ports.fs.remove(paths.rehearsal));
    const trial = { previous, release, shared: this.#shared, environment: this.#substitutes.environment, ...wanted };
    return this.#call<Context>("gate", {}).step("core", "clone", (context) => clonePrevious(trial, context));
  }

  async #settle(release: Release<"built">, context: GateContext): Promise<void> {
    const { ports, run, paths } = this.#session;
    const { ended } = await endRunProcesses(ports.processes, ports.clock, run.id);
    if (ended.length > 0)
      context.info(`Ended ${plural(ended.length, "process", "processes")} that build or trial had left running.`);
    await this.#substitutes.settle(this.#site(release), context);
    await ports.fs.remove(paths.rehearsal);
  }

  #verifyLinks(release: ReleaseInfo): Promise<void> {
    return verifyLinks(this.#session.ports.fs, this.#session.paths, release, this.#shared);
  }

  #site(release: ReleaseInfo): LinkSite {
    return {
      fs: this.#session.ports.fs,
      paths: this.#session.paths,
      release,
      warn: (text) => this.#session.warn(text),
    };
  }

  #releaseExtra(release: ReleaseInfo): {
    release: ReleaseInfo;
    previous: ReleaseInfo | undefined;
    undo: UndoStack["push"];
  } {
    return { release, previous: this.#previous.info, undo: this.#undo.push };
  }
}

function become<State extends ReleaseState>(release: ReleaseInfo, state: State): Release<State> {
  return { ...release, state };
}
