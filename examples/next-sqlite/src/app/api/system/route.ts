import { desc } from "drizzle-orm";
import { system } from "@/db/system";
import { events } from "@/db/system-schema";
import { create, readText } from "@/lib/request";

export const dynamic = "force-dynamic";

export function GET() {
  return Response.json({ events: system().select().from(events).orderBy(desc(events.id)).limit(20).all() });
}

export function POST(request: Request) {
  return create(request, (body) => {
    const event = { kind: readText(body, "kind"), message: readText(body, "message") };
    return system().transaction((tx) => tx.insert(events).values(event).returning().get(), { behavior: "immediate" });
  });
}
