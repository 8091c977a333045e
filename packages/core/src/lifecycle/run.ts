import { join } from "node:path";
import { coreError } from "../errors/catalog.ts";
import { checkedFigures, checkedFillBeside, checkedMigrated, checkedTexts } from "../plugin/answers.ts";
import type {
  ActivateContext,
  BuildContext,
  BuildLinks,
  CleanupContext,
  Context,
  CopiedFile,
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
import { emptyShared, refillShared } from "../release/emptied.ts";
import { REHEARSAL } from "../release/layout.ts";
import { type LinkSite, linkShared, prepareTargets, verifyLinks } from "../release/links.ts";
import { copiedFiles, endRehearsal, fillStandIn, PRIVATE, type StandIn, settleStandIn } from "../release/rehearsal.ts";
import { releaseId } from "../release/release-id.ts";
import { mergeShared } from "../release/shared-list.ts";
import type { SharedPath } from "../release/shared-path.ts";
import { writeReleaseList } from "../store/release-list.ts";
import type { ReleaseRecord } from "../store/run-store.ts";
import { discardRelease } from "./discard-release.ts";
import { fromPlugin } from "./from-plugin.ts";
import { createHooks, type Hooks, type StageCall } from "./hooks.ts";
import type { OneWay } from "./one-way.ts";
import type { PreviousRelease } from "./previous-release.ts";
import { clonePrevious } from "./previous-trial.ts";
import { pruneReleases } from "./prune-releases.ts";
import type { Release, ReleaseInfo, ReleaseState, Revision } from "./release.ts";
import type { RequestFigures } from "./result.ts";
import { olderReleases } from "./rollback-target.ts";
import { endRunProcesses } from "./run-processes.ts";
import type { Session } from "./session.ts";
import { StageRunner } from "./stage-runner.ts";
import type { UndoStack } from "./undo-stack.ts";

/** The stages, each taking a release in one state and returning it in the next. Nothing live is touched before `migrate`. */
export class Run {
  readonly steps: StageRunner;
  readonly migrated: Record<string, string[]> = {};
  /** Why the release before can no longer be relied on: what plugins have committed. */
  readonly oneWay: OneWay[] = [];
  requests: RequestFigures | null = null;
  readonly #session: Session;
  readonly #undo: UndoStack;
  readonly #previous: PreviousRelease;
  readonly #hooks: Hooks = createHooks();
  readonly #stage: StageRunner["stage"];
  readonly #call: StageRunner["call"];
  #shared: readonly SharedPath[] = [];
  #standIns: StandIn[] = [];
  #beside: { readonly plugin: string; readonly copies: CopyBeside; readonly path: string }[] = [];
  #copiedBeside: readonly CopiedFile[] = [];
  #substituteEnv: Record<string, string> = {};
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
      const skipGate = (reason: string): void => {
        checkedTexts("skipGate", reason);
        this.#gateSkipped = reason;
      };
      const tryPrevious = ({ mayFail = false }: { readonly mayFail?: boolean } = {}): void => {
        demand(typeof mayFail === "boolean", `mayFail of tryPrevious must be true or false, not ${shown(mayFail)}`);
        this.#tryPrevious = { mayFail };
      };
      const extra = (plugin: string): object => ({
        ...this.#releaseExtra(prepared),
        skipGate,
        tryPrevious,
        copyBeside: (copies: CopyBeside) => this.#addBeside(plugin, prepared, copies),
      });
      const call = this.#call<LinkContext>("link", extra);
      const paths = await this.#hooks.link.promise(this.#session.config.shared, call);
      this.#shared = mergeShared(paths);
      await call.step("core", "links", async (context) => {
        const site = this.#site(prepared);
        await prepareTargets(site, this.#shared);
        for (const entry of this.#shared) await this.#linkEntry(site, entry, context);
        for (const { plugin, copies, path } of this.#beside) {
          await site.fs.makeDirectory(path, PRIVATE);
          const answer = await fromPlugin({ plugin, stage: "link" }, async () =>
            checkedFillBeside(await copies.fill(path, context), path),
          );
          this.#substituteEnv = { ...this.#substituteEnv, ...answer.env };
          this.#copiedBeside = [...this.#copiedBeside, ...answer.copies];
        }
        // A file that may be missing may appear later: an older release is none the worse for not seeing it.
        this.#session.store.setShared(
          prepared.id,
          this.#shared.filter((entry) => !entry.mayBeMissing),
        );
      });
      return become(prepared, "linked");
    });
  }

  build(linked: Release<"linked">): Promise<Release<"built">> {
    return this.#stage("build", async () => {
      const session = this.#session;
      const emptied = new Set<SharedPath>();
      const extra = { ...this.#releaseExtra(linked), links: this.#buildLinks(linked, emptied) };
      const substituteEnv = this.#substituteEnv;
      const environment = {
        get environment(): Record<string, string> {
          return { ...session.env, DEPLOYER_REVISION: linked.revision.hash, ...substituteEnv };
        },
      };
      await this.#hooks.build.promise(
        this.#call<BuildContext>(
          "build",
          Object.defineProperties(extra, Object.getOwnPropertyDescriptors(environment)),
        ),
      );
      for (const entry of emptied) await refillShared(this.#site(linked), entry, this.#standInOf(entry));
      return become(linked, "built");
    });
  }

  /** The trial before traffic. Its end is the end of the stand-ins: the real links are swapped in. */
  gate(built: Release<"built">): Promise<Release<"gated">>;
  gate(approved: Release<"approved">): Promise<Release<"cleared">>;
  gate(release: Release<"built"> | Release<"approved">): Promise<Release<"gated"> | Release<"cleared">> {
    return this.#stage("gate", async () => {
      const trial = {
        label: release.id,
        release,
        directory: release.appPath,
        environment: { DEPLOYER_REVISION: release.revision.hash, ...this.#substituteEnv },
      };
      const previous = this.#gateSkipped === undefined ? await this.#previousTrial(release) : undefined;
      const extra = {
        ...this.#releaseExtra(release),
        trials: previous === undefined ? [trial] : [trial, previous],
        onCopies: this.#hasCopies(),
        copies: [...copiedFiles(this.#site(release), this.#standIns), ...this.#copiedBeside],
      };
      const call = this.#call<GateContext>("gate", extra);
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
        migrated: (database: string, names: readonly string[]) => this.noteMigrated(database, names),
        oneWay: (reason: string, hint: string) => {
          checkedTexts("oneWay", reason, hint);
          this.oneWay.push({ reason, hint });
        },
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
        this.#call<ActivateContext>("activate", { ...this.#releaseExtra(release), current, measured: this.#measured }),
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

  noteMigrated(database: string, names: readonly string[]): void {
    checkedMigrated(database, names);
    this.migrated[database] = [...(this.migrated[database] ?? []), ...names];
    this.#session.store.addMigrated(this.#session.run.id, this.migrated);
  }

  #measured = (more: RequestFigures): void => {
    checkedFigures(more);
    const { sent, failed, worstMs } = this.requests ?? { sent: 0, failed: 0, worstMs: 0 };
    this.requests = {
      sent: sent + more.sent,
      failed: failed + more.failed,
      worstMs: Math.max(worstMs, Math.round(more.worstMs)),
    };
  };

  async #switchCurrent(context: ActivateContext): Promise<void> {
    const { ports, paths, store } = this.#session;
    context.undo("point current back", () => this.#previous.restore());
    store.markCurrent(context.release.id);
    await switchCurrent(ports.fs, paths, context.release.id);
  }

  async #linkEntry(site: LinkSite, entry: SharedPath, context: LinkContext): Promise<void> {
    if ((entry.substitutes?.length ?? 0) === 0) return linkShared(site, entry, "shared");
    const { standIn, env } = await fillStandIn(site, entry, context);
    this.#standIns.push(standIn);
    this.#substituteEnv = { ...this.#substituteEnv, ...env };
    await linkShared(site, entry, "rehearsal");
  }

  async #previousTrial(release: ReleaseInfo): Promise<Trial | undefined> {
    const previous = this.#previous.info;
    const wanted = this.#tryPrevious;
    if (wanted === undefined || previous === undefined || !this.#hasCopies()) return undefined;
    const { ports, paths } = this.#session;
    this.#undo.push("remove the clone of the running release", () => ports.fs.remove(paths.rehearsal));
    const trial = { previous, release, shared: this.#shared, environment: this.#substituteEnv, ...wanted };
    return this.#call<Context>("gate", {}).step("core", "clone", (context) => clonePrevious(trial, context));
  }

  #addBeside(plugin: string, { appPath }: ReleaseInfo, copies: CopyBeside): void {
    const { fill, settle } = copies ?? {};
    demand(typeof fill === "function", `copyBeside must be given { fill }, not ${shown(copies)}`);
    demand(settle === undefined || typeof settle === "function", "settle of copyBeside must be a function");
    this.#beside.push({ plugin, copies, path: join(appPath, REHEARSAL, ".beside", String(this.#beside.length)) });
  }

  #hasCopies(): boolean {
    return this.#standIns.length + this.#beside.length > 0;
  }

  #buildLinks(release: ReleaseInfo, emptied: Set<SharedPath>): BuildLinks {
    return {
      shared: this.#shared,
      empty: async (path) => {
        const entry = this.#shared.find((candidate) => candidate.path === path);
        demand(entry !== undefined, `links.empty was told ${shown(path)}, which is no shared path`);
        if (emptied.has(entry)) return;
        await emptyShared(this.#site(release), entry, this.#standInOf(entry));
        emptied.add(entry);
      },
    };
  }

  #standInOf(entry: SharedPath): StandIn | undefined {
    return this.#standIns.find((standIn) => standIn.entry === entry);
  }

  async #settle(release: Release<"built">, context: GateContext): Promise<void> {
    const { ports, run } = this.#session;
    const { ended } = await endRunProcesses(ports.processes, ports.clock, run.id);
    if (ended.length > 0)
      context.info(
        `Ended ${ended.length} process${ended.length === 1 ? "" : "es"} that build or trial had left running.`,
      );
    const site = this.#site(release);
    for (const standIn of this.#standIns) await settleStandIn(site, standIn, context);
    for (const { plugin, copies, path } of this.#beside)
      await fromPlugin({ plugin, stage: "gate", step: "settle" }, () => copies.settle?.(path, context));
    await endRehearsal(site, this.#standIns);
    this.#beside = [];
    await ports.fs.remove(this.#session.paths.rehearsal);
    this.#standIns = [];
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
