import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import {
  type AppConfig,
  type CheckedOut,
  type CommandInput,
  type Context,
  type CopiedFile,
  type CopyBeside,
  layout,
  nodeFileSystem,
  nodeProcessRunner,
  type Plugin,
  type PluginState,
  procProcessTable,
  REHEARSAL,
  type ReleaseInfo,
  type SharedPath,
  type StageHandlers,
  systemClock,
} from "@deployer/core";
import Database from "better-sqlite3";
import { drizzle } from "../drizzle.ts";
import type { DrizzleOptions } from "../options.ts";

/** Migrations by tag: the SQL, or the SQL with the journal's time. Without one they are 1,000 ms apart. */
export type MigrationFiles = Readonly<Record<string, string | { readonly when: number; readonly sql: string }>>;

/** An app on disk with one shared directory, and the plugin's handlers called in the way that core calls them. */
export interface TestApp extends Disposable {
  readonly root: string;
  readonly warnings: string[];
  readonly infos: string[];
  readonly migrated: Record<string, readonly string[]>;
  readonly oneWay: string[];
  /** What was asked of the gate for the running release. */
  readonly tried: object[];
  /** Variables of copies that stand for no shared path. */
  readonly besideEnv: Record<string, string>;
  readonly copiedBeside: CopiedFile[];
  readonly stored: Map<string, string>;
  context: Context;
  /** What was deployed last. */
  served: ReleaseInfo | undefined;
  /** What a dead command was to change is changed, it was said. */
  completed: boolean;
  /** Releases that a rollback may name, newest first. */
  older: readonly ReleaseInfo[];
  /** What a command that looks ahead gets to see. */
  ahead: ReleaseInfo | undefined;
  /** A new release with these migrations by folder. */
  release(migrations: Readonly<Record<string, MigrationFiles>>): ReleaseInfo;
  livePath(name: string): string;
  copyPath(release: ReleaseInfo, name: string): string;
  /** Opens a live database as the app would. */
  open(name: string): Database.Database;
  link(release: ReleaseInfo): Promise<readonly SharedPath[]>;
  settle(release: ReleaseInfo): Promise<void>;
  migrate(release: ReleaseInfo, onMigrated?: (database: string) => void): Promise<void>;
  /** link, settle, migrate. */
  deploy(release: ReleaseInfo): Promise<void>;
  rollback(to: ReleaseInfo): Promise<void>;
  /** Settles what a dead run left; `run` is its id. */
  recover(run?: string): Promise<void>;
  /** Runs `deployer db <name>`. */
  command(name: string, input?: Partial<CommandInput>): Promise<unknown>;
}

export const DATABASES = ["core", "system", "content"] as const;

/** Three databases in `data/`, each with migrations in `drizzle/<name>`. */
export function threeDatabases(): DrizzleOptions {
  return {
    databases: Object.fromEntries(
      DATABASES.map((name) => [name, { file: `data/${name}.db`, migrations: `drizzle/${name}` }]),
    ),
  };
}

export function testApp(
  options: DrizzleOptions = threeDatabases(),
  shared: readonly SharedPath[] = [{ path: "data", kind: "directory" }],
  root: string = realpathSync(mkdtempSync(join(tmpdir(), "drizzle-"))),
): TestApp {
  const plugin = drizzle(options).factory(options as never) as Plugin & StageHandlers;
  const paths = layout(root);
  const stored = new Map<string, string>();
  const warnings: string[] = [];
  const infos: string[] = [];
  const migrated: Record<string, readonly string[]> = {};
  const linked = new Map<string, readonly SharedPath[]>();
  const beside: CopyBeside[] = [];
  let runs = 0;
  mkdirSync(join(paths.shared, "data"), { recursive: true });

  const app: TestApp = {
    root,
    warnings,
    infos,
    migrated,
    oneWay: [],
    tried: [],
    besideEnv: {},
    copiedBeside: [],
    stored,
    served: undefined,
    completed: false,
    older: [],
    ahead: undefined,
    context: baseContext(root, shared, memoryState(stored), warnings, infos),

    release(migrations) {
      const id = `r${linked.size + 1}-${Math.random().toString(36).slice(2, 8)}`;
      const path = join(paths.releases, id);
      mkdirSync(path, { recursive: true });
      for (const [folder, files] of Object.entries(migrations)) writeMigrations(join(path, folder), files);
      return {
        id,
        revision: { hash: id, ref: "main", remote: "test" },
        path,
        appPath: path,
        sequence: linked.size + 1,
      };
    },
    livePath: (name) => join(paths.shared, "data", `${name}.db`),
    copyPath: (release, name) => join(release.appPath, REHEARSAL, "data", `${name}.db`),
    open: (name) => openAsApp(app.livePath(name)),

    async link(release) {
      const skipGate = (reason: string): void => {
        warnings.push(reason);
      };
      const tryPrevious = (options?: object): void => void app.tried.push(options ?? {});
      const copyBeside = (copies: (typeof beside)[number]): void => void beside.push(copies);
      const context = { ...app.context, release, previous: app.served, undo, skipGate, tryPrevious, copyBeside };
      const entries = await plugin.link(shared, context);
      linked.set(release.id, entries);
      for (const entry of entries) {
        const standIn = join(release.appPath, REHEARSAL, entry.path);
        mkdirSync(entry.kind === "directory" ? standIn : dirname(standIn), { recursive: true });
        for (const substitute of entry.substitutes ?? []) await substitute.fill(standIn, context);
      }
      for (const [index, copies] of beside.entries()) {
        const directory = join(release.appPath, REHEARSAL, ".beside", String(index));
        mkdirSync(directory, { recursive: true });
        const answer = await copies.fill(directory, context);
        Object.assign(app.besideEnv, answer?.env);
        app.copiedBeside.push(...(answer?.copies ?? []));
      }
      return entries;
    },
    async settle(release) {
      for (const entry of linked.get(release.id) ?? []) {
        const standIn = join(release.appPath, REHEARSAL, entry.path);
        for (const substitute of entry.substitutes ?? []) {
          await substitute.settle?.(standIn, { ...app.context, release, previous: app.served });
        }
      }
    },
    async migrate(release, onMigrated) {
      runs += 1;
      app.context = {
        ...app.context,
        run: { id: `run-${process.pid}-${String(runs).padStart(4, "0")}`, kind: "deploy" },
      };
      await plugin.migrate({
        ...app.context,
        release,
        previous: app.served,
        undo,
        oneWay: (reason) => void app.oneWay.push(reason),
        migrated(database, names) {
          migrated[database] = names;
          onMigrated?.(database);
        },
      });
    },
    async deploy(release) {
      await app.link(release);
      await app.settle(release);
      await app.migrate(release);
      app.served = release;
    },
    async rollback(to) {
      await plugin.rollback({
        ...app.context,
        release: to,
        previous: app.served,
        current: app.served ?? to,
        older: app.older,
        veto: (reason, hint) => {
          throw new Error(`veto: ${reason} ${hint}`);
        },
      });
    },
    command: (name, { args = {}, flags = {} } = {}) => {
      runs += 1;
      const run = { id: `run-${process.pid}-${String(runs).padStart(4, "0")}`, kind: "command" } as const;
      const checkOut = async (): Promise<CheckedOut> => {
        if (app.ahead === undefined) throw new Error("nothing is ahead");
        return { ...app.ahead, [Symbol.asyncDispose]: async () => rmSync(app.ahead!.path, { recursive: true }) };
      };
      return plugin.commands![name]!.run({ ...app.context, run, current: app.served, args, flags, undo, checkOut });
    },
    async recover(run = "dead") {
      const interrupted = {
        id: run,
        kind: "deploy",
        stage: "migrate",
        release: undefined,
        previous: undefined,
      } as const;
      await plugin.rollForward!({
        ...app.context,
        interrupted: { ...interrupted, accepted: false },
        oneWay: (reason) => void app.oneWay.push(reason),
        completed: () => {
          app.completed = true;
        },
        migrated(database, names) {
          migrated[database] = names;
        },
      });
    },
    [Symbol.dispose]: () => rmSync(root, { recursive: true, force: true }),
  };
  return app;
}

/** Writes a folder as drizzle-kit 0.31 does. */
export function writeMigrations(folder: string, files: MigrationFiles): void {
  mkdirSync(join(folder, "meta"), { recursive: true });
  const entries = Object.entries(files).map(([tag, file], idx) => {
    const { when, sql } = typeof file === "string" ? { when: 1_700_000_000_000 + idx * 1_000, sql: file } : file;
    writeFileSync(join(folder, `${tag}.sql`), sql);
    return { idx, version: "6", when, tag, breakpoints: true };
  });
  writeFileSync(join(folder, "meta", "_journal.json"), JSON.stringify({ version: "7", dialect: "sqlite", entries }));
}

/** WAL, as the manual asks of an app. */
function openAsApp(path: string): Database.Database {
  const db = new Database(path);
  db.pragma("journal_mode = WAL");
  return db;
}

function baseContext(
  root: string,
  shared: readonly SharedPath[],
  state: PluginState,
  warnings: string[],
  infos: string[],
): Context {
  const config: AppConfig = {
    app: "shop",
    environment: null,
    root,
    directory: ".",
    shared,
    keepReleases: 5,
    keepFailed: 0,
    copies: { maxBytes: 2 ** 30 },
  };
  return {
    config,
    paths: layout(root),
    run: { id: "run-1", kind: "deploy" },
    clock: systemClock,
    fs: nodeFileSystem,
    runner: nodeProcessRunner,
    processes: procProcessTable,
    signal: new AbortController().signal,
    redact: (text) => text,
    node: { path: process.execPath, reason: "test" },
    env: { PATH: process.env.PATH ?? "", DEPLOYER_RUN: "run-1" },
    state,
    info: (text) => void infos.push(text),
    warn: (text) => void warnings.push(text),
    output: () => undefined,
    wait: (ms) => systemClock.sleep(ms),
  };
}

function memoryState(stored: Map<string, string>): PluginState {
  const key = (name: string, release?: string): string => `${release ?? ""}/${name}`;
  return {
    get<T>(name: string, release?: string): T | undefined {
      const text = stored.get(key(name, release));
      return text === undefined ? undefined : (JSON.parse(text) as T);
    },
    set: (name, value, release) => void stored.set(key(name, release), JSON.stringify(value)),
  };
}

function undo(): { drop(): void } {
  return { drop: () => undefined };
}
