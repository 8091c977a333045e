import { existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Plugin } from "@deployer/core";
import { deployerWith, type TestDeployer } from "@deployer/core/testing";
import { describe, expect, it } from "vitest";
import { type NodeOptions, node } from "./index.ts";

/** A build that leaves what `next build` leaves: static files by the text of version.txt, a page, a standalone server. */
function nextBuild(relativeAppDir = ""): string {
  return `
    const { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } = require("node:fs");
    const { dirname, join } = require("node:path");
    const write = (path, text) => { mkdirSync(dirname(path), { recursive: true }); writeFileSync(path, text); };
    const version = readFileSync("version.txt", "utf8");
    const inner = join(".next/standalone", ${JSON.stringify(relativeAppDir)});
    write(".next/required-server-files.json", JSON.stringify({ relativeAppDir: ${JSON.stringify(relativeAppDir)} }));
    write(".next/static/chunks/" + version + ".js", version);
    write(".next/static/chunks/common.js", "common");
    for (const dist of [".next", join(inner, ".next")]) {
      write(join(dist, "server/app/page.html"), "built " + version);
      write(join(dist, "server/app/page.js"), "code");
    }
    write(join(inner, "server.js"), "serve()");
    write(join(inner, ".env"), "FROZEN=1");
    write(join(inner, ".rehearsal/data/core.db"), "a copy");
    write(join(inner, "data/core.db"), "a copy");
    write(join(inner, "assets/geo.db"), "the revision's own, once more");
    write(join(inner, "assets/geo.db-wal"), "");
    write(join(inner, "node_modules/a/test.db"), "a package's own");
  `;
}

function files(version: string, directory = "."): Record<string, string> {
  const own = {
    "build.cjs": nextBuild(directory === "." ? "" : directory),
    "version.txt": version,
    "assets/geo.db": "the revision's own",
    "public/robots.txt": "",
  };
  return Object.fromEntries(Object.entries(own).map(([path, text]) => [join(directory, path), text]));
}

async function nextApp(
  version: string,
  {
    plugins = [],
    directory = ".",
    options = {},
  }: { plugins?: Plugin[]; directory?: string; options?: NodeOptions } = {},
): Promise<TestDeployer> {
  const app = await deployerWith({
    plugins: [node({ install: false, build: [process.execPath, "build.cjs"], ...options }), ...plugins],
    config: { shared: [".env", "data/", "public/uploads/"], directory, keepReleases: 2 },
  });
  mkdirSync(join(app.paths.shared, "data"), { recursive: true });
  writeFileSync(join(app.paths.shared, "data/core.db"), "live");
  writeFileSync(join(app.paths.shared, ".env"), "A=1");
  app.remote.push(files(version, directory));
  return app;
}

/** What a trial does, run at the gate. */
function trying(act: (appPath: string) => void): Plugin {
  return { name: "trying", gate: async ({ release }) => act(release.appPath) };
}

async function deployed(app: TestDeployer): Promise<string> {
  const result = await app.deployer.check();
  expect(result).toMatchObject({ outcome: "deployed" });
  return result.release?.id as string;
}

describe("a standalone Next.js build", () => {
  it.each([".", "apps/web"])("in %s sees through links what its release sees, and has no copies", async (directory) => {
    await using app = await nextApp("1", { directory });
    expect(await app.deployer.check()).toMatchObject({ outcome: "deployed", warnings: [] });
    const home = join(app.paths.current, directory);
    const entry = join(home, ".next/standalone", directory);
    const up = directory === "." ? "../.." : "../../../..";
    expect(readFileSync(join(entry, "data/core.db"), "utf8")).toBe("live");
    expect(readlinkSync(join(entry, "data"))).toBe(`${up}/data`);
    expect(readlinkSync(join(entry, ".env"))).toBe(`${up}/.env`);
    expect(readlinkSync(join(entry, "public"))).toBe(`${up}/public`);
    expect(existsSync(join(entry, "public/uploads"))).toBe(true);
    expect(existsSync(join(entry, ".next/static/chunks/1.js"))).toBe(true);
    expect(readFileSync(join(entry, "REVISION"), "utf8")).toBe(readFileSync(join(home, "REVISION"), "utf8"));
    expect(existsSync(join(entry, ".rehearsal"))).toBe(false);
    expect(readFileSync(join(entry, "assets/geo.db"), "utf8")).toBe("the revision's own");
    expect(readdirSync(join(entry, "assets"))).toEqual(["geo.db"]);
    expect(existsSync(join(entry, "node_modules/a/test.db"))).toBe(true);
    expect(app.reporter.of("info").map(({ text }) => text)).toContain(
      "Standalone build: took out the copies of .rehearsal, .env, data.",
    );
  });
});

describe("static files of earlier releases", () => {
  const chunks = (app: TestDeployer): string[] => readdirSync(join(app.paths.current, ".next/static/chunks")).sort();

  it("are there before the trial, for as many releases as asked, though retention has removed those", async () => {
    const seen: string[][] = [];
    const looking = trying((appPath) => seen.push(readdirSync(join(appPath, ".next/static/chunks")).sort()));
    await using app = await nextApp("1", { plugins: [looking], options: { keepStatic: 3 } });
    await deployed(app);
    for (const version of ["2", "3", "4", "5"]) {
      app.remote.push(files(version));
      await deployed(app);
    }
    expect(seen).toEqual([
      ["1.js", "common.js"],
      ["1.js", "2.js", "common.js"],
      ["1.js", "2.js", "3.js", "common.js"],
      ["1.js", "2.js", "3.js", "4.js", "common.js"],
      ["2.js", "3.js", "4.js", "5.js", "common.js"],
    ]);
  });

  it("are not those of a release that was never served", async () => {
    let isFit = true;
    const judging = trying(() => {
      if (!isFit) throw new Error("not fit");
    });
    await using app = await nextApp("1", { plugins: [judging] });
    await deployed(app);
    isFit = false;
    app.remote.push(files("2"));
    await app.deployer.check();
    isFit = true;
    app.remote.push(files("3"));
    await deployed(app);
    expect(chunks(app)).toEqual(["1.js", "3.js", "common.js"]);
  });

  it("come along at a rollback, so that pages of the newer release go on", async () => {
    await using app = await nextApp("1");
    const first = await deployed(app);
    app.remote.push(files("2"));
    await deployed(app);
    expect(await app.deployer.rollback()).toMatchObject({ outcome: "rolled-back" });
    expect(app.current()).toBe(first);
    expect(chunks(app)).toEqual(["1.js", "2.js", "common.js"]);
  });

  it("are left out when none are to be kept", async () => {
    await using app = await nextApp("1", { options: { keepStatic: 0 } });
    await deployed(app);
    app.remote.push(files("2"));
    await deployed(app);
    expect(chunks(app)).toEqual(["2.js", "common.js"]);
  });

  it.each<[string, string, string, NodeOptions?]>([
    ["SvelteKit with its static adapter", "build/_app/immutable", "@sveltejs/kit"],
    ["Astro with a server", "dist/client/_astro", "astro"],
    ["Astro without one", "dist/_astro", "astro"],
    ["React Router", "build/client/assets", "@react-router/dev"],
    ["Vite", "dist/assets", "vite"],
    ["what the config names", "public/build", "webpack", { staticFolder: "public/build" }],
  ])("are found for %s, in %s", async (_, folder, dependency, options = {}) => {
    const build = `
      const { mkdirSync, readFileSync, writeFileSync } = require("node:fs");
      mkdirSync("${folder}", { recursive: true });
      writeFileSync("${folder}/common.js", "");
      writeFileSync("${folder}/" + readFileSync("version.txt", "utf8") + ".js", "");
    `;
    await using app = await deployerWith({
      plugins: [node({ install: false, build: [process.execPath, "build.cjs"], keepStatic: 1, ...options })],
    });
    const pkg = JSON.stringify({ devDependencies: { [dependency]: "1.0.0" } });
    for (const version of ["1", "2", "3"]) {
      app.remote.push({ "package.json": pkg, "build.cjs": build, "version.txt": version });
      await deployed(app);
    }
    expect(readdirSync(join(app.paths.current, folder)).sort()).toEqual(["2.js", "3.js", "common.js"]);
  });

  it.each([
    ["Nuxt", "nuxt", "public/_nuxt", ".output/public/_nuxt", `write(".nuxt/dist/client/_nuxt/", made);`],
    [
      "SvelteKit",
      "@sveltejs/kit",
      "static/_app/immutable",
      "build/client/_app/immutable",
      `write(".svelte-kit/output/client/.vite/", ["manifest.json"], JSON.stringify(Object.fromEntries(
        made.map((file) => [file, { file: "_app/immutable/" + file }]))));`,
    ],
  ])("of %s are there before its build, which lists what its server will serve", async (_, name, from, to, note) => {
    const build = `
      const { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } = require("node:fs");
      const made = ["common.js", readFileSync("version.txt", "utf8") + ".js"];
      const write = (folder, files, text = "") => {
        mkdirSync(folder, { recursive: true });
        for (const file of files) writeFileSync(folder + file, text);
      };
      ${note}
      write("${to}/", made);
      if (existsSync("${from}")) cpSync("${from}", "${to}", { recursive: true });
      write("./", ["listed.json"], JSON.stringify(readdirSync("${to}").sort()));
    `;
    await using app = await deployerWith({
      plugins: [node({ install: false, build: [process.execPath, "build.cjs"], keepStatic: 2 })],
    });
    const pkg = JSON.stringify({ devDependencies: { [name]: "1.0.0" } });
    const listed = async (version: string, script: string): Promise<string[]> => {
      app.remote.push({ "package.json": pkg, "build.cjs": script, "version.txt": version });
      await deployed(app);
      return JSON.parse(readFileSync(join(app.paths.current, "listed.json"), "utf8"));
    };
    await listed("1", build);
    await listed("2", build);
    expect(await listed("3", build)).toEqual(["1.js", "2.js", "3.js", "common.js"]);
    // What each build makes anew is its own, though it was there already: pages of the last one still ask for it.
    const without = build.replace('"common.js", ', "");
    expect(await listed("4", without)).toEqual(["2.js", "3.js", "4.js", "common.js"]);
    expect(await listed("5", without)).toEqual(["3.js", "4.js", "5.js", "common.js"]);
    expect(await listed("6", without)).toEqual(["4.js", "5.js", "6.js"]);
  });
});

it.each([
  ["a link of the repository", "public/_nuxt", []],
  ["a shared path", "public", ["public/"]],
])("old static files do not get into live data through %s", async (_, folder, shared) => {
  const build = `
    const { mkdirSync, readFileSync, writeFileSync } = require("node:fs");
    mkdirSync(".output/public/_nuxt", { recursive: true });
    writeFileSync(".output/public/_nuxt/" + readFileSync("version.txt", "utf8") + ".js", "");
  `;
  const linking: Plugin = {
    name: "linking",
    build: async ({ release }) => {
      if (shared.length > 0) return;
      mkdirSync(join(release.path, "public"));
      symlinkSync("../../../shared/live", join(release.path, folder));
    },
  };
  await using app = await deployerWith({
    plugins: [linking, node({ install: false, build: [process.execPath, "build.cjs"] })],
    config: { shared },
  });
  const live = join(app.paths.shared, shared.length > 0 ? "public" : "live");
  mkdirSync(live, { recursive: true });
  const pkg = JSON.stringify({ dependencies: { nuxt: "4.0.0" } });
  for (const version of ["1", "2"]) {
    app.remote.push({ "package.json": pkg, "build.cjs": build, "version.txt": version });
    expect(await app.deployer.check()).toMatchObject({
      outcome: "deployed",
      warnings: [expect.stringContaining("public/_nuxt leads through the link")],
    });
  }
  expect(readdirSync(live)).toEqual([]);
});

describe("what a trial writes into the release", () => {
  const inBoth = (appPath: string, act: (dist: string) => void): void => {
    for (const dist of [".next", ".next/standalone/.next"]) act(join(appPath, dist));
  };
  const writing = (appPath: string): void =>
    inBoth(appPath, (dist) => {
      mkdirSync(join(dist, "server/route-cache/APP"), { recursive: true });
      writeFileSync(join(dist, "server/route-cache/APP/page"), "the trial's");
      writeFileSync(join(dist, "server/app/new.html"), "the trial's");
      writeFileSync(join(dist, "server/app/page.html"), "the trial's");
    });

  it("is taken out of the build output, and what it changed there is put back", async () => {
    await using app = await nextApp("1", { plugins: [trying(writing)] });
    expect(await app.deployer.check()).toMatchObject({ outcome: "deployed", warnings: [] });
    inBoth(app.paths.current, (dist) => {
      expect(readFileSync(join(dist, "server/app/page.html"), "utf8")).toBe("built 1");
      expect(readdirSync(join(dist, "server")).sort()).toEqual(["app"]);
      expect(readdirSync(join(dist, "server/app")).sort()).toEqual(["page.html", "page.js"]);
    });
    expect(existsSync(join(app.paths.cache, "before-trial"))).toBe(false);
  });

  it("is told where it cannot be put back, and where it is the app's own", async () => {
    const changing = trying((appPath) => {
      writeFileSync(join(appPath, ".next/server/app/page.js"), "other code");
      writeFileSync(join(appPath, "app.log"), "started");
    });
    await using app = await nextApp("1", { plugins: [changing] });
    expect((await app.deployer.check()).warnings).toEqual([
      "The trial changed the build output, and it stays so: .next/server/app/page.js.",
    ]);
    expect(app.reporter.of("info").map(({ text }) => text)).toContain("The trial wrote into the release: app.log.");
  });

  it("goes at a rollback, with the pages kept from when the release was served", async () => {
    await using app = await nextApp("1", { plugins: [trying(writing)] });
    await deployed(app);
    const first = join(app.paths.releases, app.current() as string);
    inBoth(first, (dist) => {
      for (const kept of ["server/route-cache/APP", "cache/fetch-cache"]) {
        mkdirSync(join(dist, kept), { recursive: true });
        writeFileSync(join(dist, kept, "row"), "of yesterday");
      }
    });
    app.remote.push(files("2"));
    await deployed(app);
    expect(await app.deployer.rollback()).toMatchObject({ outcome: "rolled-back", warnings: [] });
    inBoth(first, (dist) => {
      expect(existsSync(join(dist, "server/route-cache"))).toBe(false);
      expect(existsSync(join(dist, "cache/fetch-cache"))).toBe(false);
      expect(readFileSync(join(dist, "server/app/page.html"), "utf8")).toBe("built 1");
    });
  });

  it("goes when the trial of a rollback fails", async () => {
    let isFit = true;
    const failing = trying((appPath) => {
      if (isFit) return;
      writing(appPath);
      throw new Error("not fit");
    });
    await using app = await nextApp("1", { plugins: [failing] });
    await deployed(app);
    const first = join(app.paths.releases, app.current() as string);
    app.remote.push(files("2"));
    await deployed(app);
    isFit = false;
    expect(await app.deployer.rollback()).toMatchObject({ outcome: "failed" });
    inBoth(first, (dist) => expect(readFileSync(join(dist, "server/app/page.html"), "utf8")).toBe("built 1"));
    expect(existsSync(join(app.paths.cache, "before-trial"))).toBe(false);
  });
});

it("leaves no copies and tells nothing false when a rollback fails after its trial", async () => {
  let isFit = true;
  const activating: Plugin = {
    name: "activating",
    activate: {
      order: "post",
      async handler() {
        if (!isFit) throw new Error("not fit");
      },
    },
  };
  const rewriting = trying((appPath) => writeFileSync(join(appPath, ".next/server/app/page.html"), "the trial's"));
  await using app = await nextApp("1", { plugins: [rewriting, activating] });
  await deployed(app);
  app.remote.push(files("2"));
  await deployed(app);
  isFit = false;
  expect(await app.deployer.rollback()).toMatchObject({ outcome: "failed", exitCode: 4, warnings: [] });
  expect(existsSync(join(app.paths.cache, "before-trial"))).toBe(false);
});

describe("a build that refuses what stands at a shared path", () => {
  const build = `
    const { readdirSync, writeFileSync } = require("node:fs");
    writeFileSync("runs.txt", "x", { flag: "a" });
    if (readdirSync("public/uploads").length > 0) {
      console.log("- [project]/src/files.ts [app-route] (ecmascript)");
      console.log("- Symlink public/uploads/a.png could not be resolved: the symlink target leaves the configured filesystem roots");
      process.exit(1);
    }
  `;

  async function refusingApp(script = build): Promise<TestDeployer> {
    const app = await deployerWith({
      plugins: [node({ install: false, build: [process.execPath, "build.cjs"] })],
      config: { shared: ["public/uploads/"] },
    });
    mkdirSync(join(app.paths.shared, "public/uploads"), { recursive: true });
    writeFileSync(join(app.paths.shared, "public/uploads/a.png"), "a picture");
    app.remote.push({ "build.cjs": script });
    return app;
  }

  it("is repeated once with an empty directory, with the cure told", async () => {
    await using app = await refusingApp();
    const { outcome, warnings } = await app.deployer.check();
    expect(outcome).toBe("deployed");
    expect(warnings.join()).toContain("in src/files.ts: path.join(/* turbopackIgnore: true */ process.cwd(), …)");
    expect(readFileSync(join(app.paths.current, "runs.txt"), "utf8")).toBe("xx");
    expect(readFileSync(join(app.paths.current, "public/uploads/a.png"), "utf8")).toBe("a picture");
  });

  it("begins with the empty directory the next time", async () => {
    await using app = await refusingApp();
    await app.deployer.check();
    app.remote.push({ "build.cjs": build, more: "" });
    expect(await app.deployer.check()).toMatchObject({ outcome: "deployed", warnings: [] });
    expect(readFileSync(join(app.paths.current, "runs.txt"), "utf8")).toBe("x");
  });

  it("begins with what is shared when the source has changed since, as it may be cured", async () => {
    await using app = await refusingApp();
    app.remote.push({ "build.cjs": build, "src/files.ts": "refused" });
    await app.deployer.check();
    const cured = `require("node:fs").writeFileSync("seen.txt", require("node:fs").readdirSync("public/uploads").join());`;
    app.remote.push({ "build.cjs": cured, "src/files.ts": "cured" });
    expect(await app.deployer.check()).toMatchObject({ outcome: "deployed", warnings: [] });
    expect(readFileSync(join(app.paths.current, "seen.txt"), "utf8")).toBe("a.png");
  });

  it("fails when it refuses the empty one, too", async () => {
    await using app = await refusingApp(build.replace("length > 0", "length >= 0"));
    expect(await app.deployer.check()).toMatchObject({ exitCode: 4, error: { code: "ERR_BUILD_FAILED" } });
    expect(readFileSync(join(app.paths.shared, "public/uploads/a.png"), "utf8")).toBe("a picture");
  });
});
