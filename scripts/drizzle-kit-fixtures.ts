// Writes packages/plugin-drizzle/src/testing/drizzle-kit: what real drizzle-kits generate for a schema that changes step
// by step, and the database that each one's own migrator makes of it. node scripts/drizzle-kit-fixtures.ts
// Needs npm's registry, and `script` of util-linux: drizzle-kit 0.31 asks on a terminal whether a column was renamed.
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const ROOT = join(import.meta.dirname, "..");
const FIXTURES = join(ROOT, "packages/plugin-drizzle/src/testing/drizzle-kit");
const VERSIONS = {
  "0.31": { "drizzle-kit": "0.31.11", "drizzle-orm": "0.45.4" },
  "1.0": { "drizzle-kit": "1.0.0-rc.5", "drizzle-orm": "1.0.0-rc.5" },
} as const;

const ID = "id: integer().primaryKey()";
const POSTS = `${ID}, author: integer()`;

/** The columns of both tables after each step. */
const STEPS: readonly (readonly [name: string, users: string, posts: string])[] = [
  ["init", `${ID}, name: text(), mail: text()`, POSTS],
  ["add", `${ID}, name: text(), mail: text(), sku: text()`, POSTS],
  ["rename", `${ID}, title: text(), mail: text(), sku: text()`, POSTS],
  ["drop", `${ID}, title: text(), mail: text()`, POSTS],
  ["rebuild", `${ID}, title: text().notNull(), mail: text()`, POSTS],
  ["unique", `${ID}, title: text().notNull(), mail: text().unique()`, POSTS],
  [
    "foreign_key",
    `${ID}, title: text().notNull(), mail: text().unique()`,
    `${ID}, author: integer().references(() => users.id)`,
  ],
];

const RENAME = { type: "rename", kind: "column", from: ["public", "users", "name"], to: ["public", "users", "title"] };

const MIGRATE = `
  import { writeFileSync } from "node:fs";
  import Database from "better-sqlite3";
  import { drizzle } from "drizzle-orm/better-sqlite3";
  import { migrate } from "drizzle-orm/better-sqlite3/migrator";
  const db = new Database(":memory:");
  migrate(process.argv[2] === "0.31" ? drizzle(db) : drizzle({ client: db }), { migrationsFolder: "drizzle" });
  const schema = db.prepare("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY rowid").pluck().all();
  const rows = db.prepare("SELECT * FROM __drizzle_migrations ORDER BY rowid").all();
  for (const row of rows) if (row.applied_at !== undefined) row.applied_at = "2026-11-21T00:00:00.000Z";
  writeFileSync("database.json", JSON.stringify({ schema, rows }, null, 2) + "\\n");
`;

for (const [kind, packages] of Object.entries(VERSIONS)) await write(kind, packages);

async function write(kind: string, packages: Readonly<Record<string, string>>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "drizzle-kit-"));
  try {
    install(folder, packages);
    for (const step of STEPS) await generate(folder, kind, step);
    await kit(folder, ["--name", "custom", "--custom"], "");
    writeFileSync(join(folder, "migrate.mjs"), MIGRATE);
    // Its text is "put your code below": drizzle's migrator refuses a file without a statement.
    const custom = readdirSync(join(folder, "drizzle")).find((name) => name.includes("custom"))!;
    const file = custom.endsWith(".sql") ? custom : join(custom, "migration.sql");
    writeFileSync(join(folder, "drizzle", file), "\nUPDATE users SET mail = lower(mail);\n", { flag: "a" });
    execFileSync(process.execPath, ["migrate.mjs", kind], { cwd: folder, stdio: "inherit" });
    const target = join(FIXTURES, kind);
    rmSync(target, { recursive: true, force: true });
    mkdirSync(target, { recursive: true });
    cpSync(join(folder, "drizzle"), join(target, "drizzle"), { recursive: true });
    cpSync(join(folder, "database.json"), join(target, "database.json"));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function install(folder: string, packages: Readonly<Record<string, string>>): void {
  writeFileSync(join(folder, "package.json"), JSON.stringify({ type: "module", dependencies: packages }));
  execFileSync("npm", ["install", "--no-audit", "--no-fund", "--silent"], { cwd: folder, stdio: "inherit" });
  symlinkSync(join(ROOT, "node_modules/better-sqlite3"), join(folder, "node_modules/better-sqlite3"));
}

async function generate(folder: string, kind: string, [name, users, posts]: (typeof STEPS)[number]): Promise<void> {
  writeFileSync(
    join(folder, "schema.ts"),
    `import { integer, sqliteTable, text } from "drizzle-orm/sqlite-core";
     export const users = sqliteTable("users", { ${users} });
     export const posts = sqliteTable("posts", { ${posts} });`,
  );
  const hints = kind === "1.0" ? ["--hints", JSON.stringify(name === "rename" ? [RENAME] : [])] : [];
  await kit(folder, ["--name", name, ...hints], name === "rename" && kind === "0.31" ? "\u001B[B" : "");
}

/** drizzle-kit generate; `answer` is the key that it is given when it asks, before Enter. */
async function kit(folder: string, args: readonly string[], answer: string): Promise<void> {
  const command = ["npx drizzle-kit generate --dialect sqlite --schema schema.ts", ...args.map(quoted)].join(" ");
  const child = spawn("script", ["-qec", command, "/dev/null"], { cwd: folder, stdio: ["pipe", "pipe", "inherit"] });
  let said = "";
  child.stdout.on("data", (chunk) => {
    said += String(chunk);
    if (answer !== "" && said.includes("rename column")) {
      child.stdin.write(answer);
      setTimeout(() => child.stdin.write("\r"), 300);
      answer = "";
    }
  });
  const [code] = (await once(child, "close")) as [number];
  child.stdin.end();
  if (code !== 0 || !said.includes("Your SQL migration")) throw new Error(`drizzle-kit ended with ${code}:\n${said}`);
  // Names of drizzle-kit 1.0 are told apart by the second.
  await new Promise((resolve) => setTimeout(resolve, 1_000));
}

function quoted(word: string): string {
  return `'${word}'`;
}
