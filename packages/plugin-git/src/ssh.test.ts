import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { deployerWith, gitRepository, type TemporaryDirectory, temporaryDirectory } from "@deployer/core/testing";
import { afterEach, describe, expect, it, vi } from "vitest";
import { git } from "./git.ts";
import type { GitOptions } from "./options.ts";
import { shellWord } from "./ssh.ts";

afterEach(() => vi.unstubAllEnvs());

const UNATTENDED = "-o BatchMode=yes -o ConnectTimeout=15";

/** A machine whose `ssh` writes down how it was called, and does on this one what the other should do. */
class Machine implements AsyncDisposable {
  readonly folder: TemporaryDirectory = temporaryDirectory("deployer ssh");
  readonly env: Record<string, string | undefined>;

  constructor() {
    this.program("bin/ssh");
    mkdirSync(this.at("home"));
    const PATH = [this.at("bin"), process.env.PATH].join(delimiter);
    this.env = { PATH, HOME: this.at("home"), GIT_CONFIG_NOSYSTEM: "1" };
  }

  at(...parts: string[]): string {
    return join(this.folder.path, ...parts);
  }

  program(path: string): string {
    mkdirSync(this.at(path, ".."), { recursive: true });
    const text = `#!/bin/sh\necho "${path} $*" >> '${this.at("called")}'\nfor last; do :; done\nexec sh -c "$last"\n`;
    writeFileSync(this.at(path), text, { mode: 0o755 });
    return this.at(path);
  }

  /** How ssh was called since the last time: its name and options, once for calls that are alike. */
  called(): string[] {
    if (!existsSync(this.at("called"))) return [];
    const lines = readFileSync(this.at("called"), "utf8").trim().split("\n");
    writeFileSync(this.at("called"), "");
    return [...new Set(lines.filter(Boolean).map((line) => line.replace(/ (-o SendEnv=GIT_PROTOCOL )?git@.*/, "")))];
  }

  async check(path: string, options: Partial<GitOptions> = {}, env: Record<string, string> = {}) {
    const plugins = [git({ remote: `git@example.org:${path}`, ...options })];
    await using app = await deployerWith({
      remote: false,
      plugins,
      options: { environment: { ...this.env, ...env } },
    });
    return { result: await app.deployer.check(), root: app.root };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.folder.remove();
  }
}

describe("the ssh that git uses", () => {
  it("is plain ssh that never asks, for the question and for the fetch", async () => {
    await using machine = new Machine();
    await using repo = gitRepository();
    expect((await machine.check(repo.path)).result).toMatchObject({ outcome: "deployed", error: null });
    expect(machine.called()).toEqual([`bin/ssh ${UNATTENDED}`]);
  });

  it("is that of core.sshCommand", async () => {
    await using machine = new Machine();
    await using repo = gitRepository();
    writeFileSync(machine.at("home/.gitconfig"), '[core]\n\tsshCommand = "ssh -i /keys/shop"\n');
    expect((await machine.check(repo.path)).result).toMatchObject({ outcome: "deployed" });
    expect(machine.called()).toEqual([`bin/ssh -i /keys/shop ${UNATTENDED}`]);
  });

  it("is that of GIT_SSH_COMMAND before that of core.sshCommand, and a program of another name is called as it is", async () => {
    await using machine = new Machine();
    await using repo = gitRepository();
    writeFileSync(machine.at("home/.gitconfig"), '[core]\n\tsshCommand = "ssh -i /keys/shop"\n');
    const command = `'${machine.program("own/my-ssh")}' --mine`;
    const env = { GIT_SSH_COMMAND: command, GIT_SSH_VARIANT: "ssh" };
    expect((await machine.check(repo.path, {}, env)).result).toMatchObject({ outcome: "deployed" });
    expect(machine.called()).toEqual(["own/my-ssh --mine"]);
  });

  it("is the program of GIT_SSH", async () => {
    await using machine = new Machine();
    await using repo = gitRepository();
    const env = { GIT_SSH: machine.program("own/my-ssh"), GIT_SSH_VARIANT: "ssh" };
    expect((await machine.check(repo.path, {}, env)).result).toMatchObject({ outcome: "deployed" });
    expect(machine.called()).toEqual(["own/my-ssh"]);
  });

  it("has the site's key and known hosts before all else, and speaks to no other host", async () => {
    await using machine = new Machine();
    await using repo = gitRepository();
    mkdirSync(machine.at("home/.ssh"));
    writeFileSync(machine.at("home/.ssh/100%"), "key", { mode: 0o600 });
    writeFileSync(machine.at("known hosts"), "");
    const options = { sshKey: "~/.ssh/100%", knownHosts: machine.at("known hosts") };
    const { result } = await machine.check(repo.path, options, { GIT_SSH_COMMAND: "false" });
    expect(result).toMatchObject({ outcome: "deployed" });
    expect(machine.called()).toEqual([
      `bin/ssh -i ${machine.at("home/.ssh/100%%")} -o IdentitiesOnly=yes -o UserKnownHostsFile="${machine.at("known hosts")}" -o StrictHostKeyChecking=yes ${UNATTENDED}`,
    ]);
  });

  it("is the same for submodules", async () => {
    await using machine = new Machine();
    await using lib = gitRepository({ "lib.js": "" });
    await using repo = gitRepository();
    repo.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", lib.path, "vendor/lib");
    repo.git("config", "--file", ".gitmodules", "submodule.vendor/lib.url", `git@example.org:${lib.path}`);
    repo.commit();
    writeFileSync(machine.at("key"), "key", { mode: 0o600 });
    const { result } = await machine.check(repo.path, { sshKey: machine.at("key") });
    expect(result).toMatchObject({ outcome: "deployed", error: null });
    expect(machine.called()).toEqual([`bin/ssh -i ${machine.at("key")} -o IdentitiesOnly=yes ${UNATTENDED}`]);
  });
});

describe("a key that cannot be used", () => {
  it("because others may read it is refused before anything is asked, with the command that helps", async () => {
    await using machine = new Machine();
    writeFileSync(machine.at("key"), "key");
    chmodSync(machine.at("key"), 0o644);
    const { result } = await machine.check("/x", { sshKey: machine.at("key") });
    expect(result).toMatchObject({
      exitCode: 2,
      error: { code: "ERR_SSH_KEY", hint: `chmod 600 '${machine.at("key")}'` },
    });
    expect(result.error?.message).toContain("mode 644");
    expect(machine.called()).toEqual([]);
  });

  it.each(["sshKey", "knownHosts"])("because it is not there is named: %s, counted from the root", async (option) => {
    await using machine = new Machine();
    const { result, root } = await machine.check("/x", { [option]: "keys/none" });
    expect(result).toMatchObject({ exitCode: 2, error: { code: "ERR_SSH_KEY" } });
    expect(result.error?.message).toContain(join(root, "keys/none"));
    expect(result.error?.message).toContain(option);
  });

  it("is not the public one", async () => {
    const plugins = [git({ remote: "git@example.org:shop.git", sshKey: "~/.ssh/shop.pub" })];
    await expect(deployerWith({ remote: false, plugins })).rejects.toMatchObject({
      code: "ERR_CONFIG",
      message: expect.stringContaining("not of the public one"),
    });
  });
});

describe("the hint of a remote that cannot be asked", () => {
  it("is the very command that was run, and fails as that did", async () => {
    await using machine = new Machine();
    vi.stubEnv("SSH_AUTH_SOCK", "/tmp/agent.sock");
    writeFileSync(machine.at("home/.gitconfig"), '[core]\n\tsshCommand = "ssh -i /keys/shop"\n');
    const repo = machine.at("it's gone");
    const { result } = await machine.check(repo);
    expect(result).toMatchObject({ exitCode: 7, error: { code: "ERR_REMOTE_UNREACHABLE" } });
    const [asked] = machine.called();
    const command = result.error?.details.command as string;
    expect(result.error?.hint).toBe(`Try it as this user: ${command}`);
    expect(command).toMatch(/^env -u SSH_AUTH_SOCK GIT_TERMINAL_PROMPT=0 GIT_SSH_COMMAND='ssh -i \/keys\/shop -o /);
    // The root is gone with the test's app, and is not what matters.
    const pasted = command.replace(/ -C \S+/, "");
    const options = { env: machine.env as Record<string, string>, stdio: "pipe", encoding: "utf8" } as const;
    expect(() => execFileSync("sh", ["-c", pasted], options)).toThrow(/does not appear to be a git repository/);
    expect(machine.called()).toEqual([asked]);
  });

  it("has no password", async () => {
    await using app = await deployerWith({
      remote: false,
      plugins: [git({ remote: "http://me:hunter2@127.0.0.1:1/shop.git" })],
    });
    const { error } = await app.deployer.check();
    expect(error?.hint).toContain("ls-remote http://me:[redacted]@127.0.0.1:1/shop.git ");
    expect(JSON.stringify(error)).not.toContain("hunter2");
  });
});

it.each([
  ["plain/Path-1.git", "plain/Path-1.git"],
  ["with space", "'with space'"],
  ["it's", "'it'\\''s'"],
  ["$(x)", "'$(x)'"],
])("the word of a shell for %j is %s", (text, word) => expect(shellWord(text)).toBe(word));
