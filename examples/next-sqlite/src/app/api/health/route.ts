import { content } from "@/db/content";
import { articles } from "@/db/content-schema";
import { core } from "@/db/core";
import { orders } from "@/db/core-schema";
import { system } from "@/db/system";
import { events } from "@/db/system-schema";
import { revision } from "@/lib/revision";

export const dynamic = "force-dynamic";

/** Healthy is who can read all three databases. The numbers are rows, `null` stands for a database that failed. */
export async function GET() {
  const databases = {
    core: await count("core", () => core().$count(orders)),
    system: await count("system", () => system().$count(events)),
    content: await count("content", () => content().$count(articles)),
  };
  const ok = Object.values(databases).every((rows) => rows !== null);
  return Response.json({ ok, revision: revision(), databases }, { status: ok ? 200 : 503 });
}

async function count(database: string, query: () => PromiseLike<number>): Promise<number | null> {
  try {
    return await query();
  } catch (error) {
    console.error(`The database ${database} cannot be read:`, error);
    return null;
  }
}
