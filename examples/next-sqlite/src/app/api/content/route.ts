import { desc, eq } from "drizzle-orm";
import { content } from "@/db/content";
import { articles } from "@/db/content-schema";
import { BadRequest, create, readText } from "@/lib/request";

export const dynamic = "force-dynamic";

export function GET() {
  return Response.json({ articles: content().select().from(articles).orderBy(desc(articles.id)).limit(20).all() });
}

export function POST(request: Request) {
  return create(request, (body) => {
    const article = { slug: readText(body, "slug"), title: readText(body, "title"), body: readText(body, "body") };
    return content().transaction(
      (tx) => {
        const taken = tx.select().from(articles).where(eq(articles.slug, article.slug)).get();
        if (taken) throw new BadRequest(`There is an article "${article.slug}" already.`);
        return tx.insert(articles).values(article).returning().get();
      },
      { behavior: "immediate" },
    );
  });
}
