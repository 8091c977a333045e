import fs from "node:fs";
import path from "node:path";

/** New contents by path inside the app; `null` removes the file. */
type Edits = Readonly<Record<string, string | null>>;

export interface Change {
  readonly message: string;
  /** Reads the app as it is and says what to change. Throws when the app is not as the change expects it. */
  readonly files: (appDirectory: string) => Edits;
}

export type ChangeName = "subtitle" | "bad-migration" | "bad-build" | "crash-at-start" | "good-again";

/**
 * The commits the demo makes in a copy of `examples/next-sqlite`. "subtitle" comes first, and each of the others is an
 * edit of the state after it: take a bad one back before the next one is made.
 */
export const changes: Readonly<Record<ChangeName, Change>> = {
  subtitle: {
    message: "Give every article a subtitle",
    files: (app) => ({
      ...addMigration(app, {
        database: "content",
        tag: "0002_subtitle",
        when: 1795230302409,
        id: "33dd04ce-d867-448d-b0a8-f2de4a6864cb",
        sql: "ALTER TABLE `articles` ADD `subtitle` text DEFAULT 'From our pantry' NOT NULL;",
        table: "articles",
        alter: (articles) => {
          const { id, slug, title, ...rest } = articles.columns;
          const subtitle = {
            name: "subtitle",
            type: "text",
            primaryKey: false,
            notNull: true,
            autoincrement: false,
            default: "'From our pantry'",
          };
          articles.columns = { id, slug, title, subtitle, ...rest };
        },
      }),
      ...replace(app, "src/db/content-schema.ts", [
        `  body: text("body").notNull(),\n`,
        `  subtitle: text("subtitle").notNull().default("From our pantry"),\n  body: text("body").notNull(),\n`,
      ]),
      ...replace(
        app,
        "src/app/page.tsx",
        ["title: articles.title, body", "title: articles.title, subtitle: articles.subtitle, body"],
        [
          `            <h2>{story.title}</h2>\n`,
          `            <h2>{story.title}</h2>\n            <p className="subtitle">{story.subtitle}</p>\n`,
        ],
      ),
      ...replace(app, "src/app/globals.css", [
        "\nfooter {\n",
        "\narticle .subtitle {\n  margin-bottom: 0.75rem;\n  color: var(--accent);\n  font-style: italic;\n}\n\nfooter {\n",
      ]),
    }),
  },

  // The running release might sell another Chai of the same name, so it is judged to break it. It would fail on the rows,
  // too: Chai is sold in two sizes.
  "bad-migration": {
    message: "Forbid two products of the same name",
    files: (app) => ({
      ...addMigration(app, {
        database: "core",
        tag: "0002_unique_names",
        when: 1795230303749,
        id: "37d000f2-c9ac-48e1-8772-a84e6b0f3555",
        sql: "CREATE UNIQUE INDEX `products_name_unique` ON `products` (`name`);",
        table: "products",
        alter: (products) => {
          products.indexes.products_name_unique = { name: "products_name_unique", columns: ["name"], isUnique: true };
        },
      }),
      ...replace(app, "src/db/core-schema.ts", [
        `  name: text("name").notNull(),\n`,
        `  name: text("name").notNull().unique(),\n`,
      ]),
    }),
  },

  // The file that is imported was never committed.
  "bad-build": {
    message: "Show the basket on the home page",
    files: (app) =>
      replace(
        app,
        "src/app/page.tsx",
        [`import { content } from`, `import { Basket } from "@/app/basket";\nimport { content } from`],
        [`      <footer>\n`, `      <Basket />\n\n      <footer>\n`],
      ),
  },

  // Builds, and ends with exit code 1 as soon as it is started. An error that `register` throws would not do: Next.js
  // lives on and answers 500.
  "crash-at-start": {
    message: "Connect to the warehouse at start",
    files: () => ({
      "src/instrumentation.ts": `/** Next.js calls this once, when the server starts. */
export async function register() {
  if (process.env.NEXT_RUNTIME === "nodejs") {
    const { connect } = await import("./lib/warehouse");
    connect();
  }
}
`,
      "src/lib/warehouse.ts": `export function connect() {
  if (!process.env.WAREHOUSE_URL) {
    console.error("WAREHOUSE_URL is not set: there is no warehouse to connect to.");
    process.exit(1);
  }
}
`,
    }),
  },

  "good-again": {
    message: "Deliver on Fridays",
    files: (app) =>
      replace(app, "src/app/page.tsx", ["Groceries with a story.", "Groceries with a story, delivered on Fridays."]),
  },
};

/** Writes the edits of a change into the app. Committing them is the caller's part. */
export function applyChange(appDirectory: string, change: Change): void {
  for (const [file, contents] of Object.entries(change.files(appDirectory))) {
    const filePath = path.join(appDirectory, file);
    if (contents === null) {
      fs.rmSync(filePath);
    } else {
      fs.mkdirSync(path.dirname(filePath), { recursive: true });
      fs.writeFileSync(filePath, contents);
    }
  }
}

interface Migration {
  readonly database: "core" | "system" | "content";
  readonly tag: string;
  readonly when: number;
  readonly id: string;
  readonly sql: string;
  readonly table: string;
  readonly alter: (table: Table) => void;
}

/** The part of drizzle-kit's snapshot that a change touches. */
interface Table {
  columns: Record<string, unknown>;
  indexes: Record<string, unknown>;
}

/** The three files that `drizzle-kit generate` writes for a migration, with the ids and times it chose. */
function addMigration(app: string, migration: Migration): Edits {
  const folder = `drizzle/${migration.database}`;
  const journal = JSON.parse(read(app, `${folder}/meta/_journal.json`));
  const idx: number = journal.entries.length;
  const snapshotPath = (index: number) => `${folder}/meta/${String(index).padStart(4, "0")}_snapshot.json`;
  if (!migration.tag.startsWith(`${String(idx).padStart(4, "0")}_`)) {
    throw new Error(`${folder} has ${idx} migrations: ${migration.tag} cannot be the next one.`);
  }

  const { id: prevId, ...before } = JSON.parse(read(app, snapshotPath(idx - 1)));
  const snapshot = { ...before, id: migration.id, prevId };
  migration.alter(snapshot.tables[migration.table]);
  journal.entries.push({ idx, version: "6", when: migration.when, tag: migration.tag, breakpoints: true });

  return {
    [`${folder}/${migration.tag}.sql`]: migration.sql,
    [`${folder}/meta/_journal.json`]: JSON.stringify(journal, null, 2),
    [snapshotPath(idx)]: JSON.stringify(snapshot, null, 2),
  };
}

/** One file with each text replaced. A text that is not there exactly once would make a commit that proves nothing. */
function replace(app: string, file: string, ...replacements: (readonly [from: string, to: string])[]): Edits {
  let contents = read(app, file);
  for (const [from, to] of replacements) {
    if (contents.split(from).length !== 2) throw new Error(`${file} must contain ${JSON.stringify(from)} once.`);
    contents = contents.replace(from, () => to);
  }
  return { [file]: contents };
}

function read(app: string, file: string): string {
  return fs.readFileSync(path.join(app, file), "utf8");
}
