import { asc } from "drizzle-orm";
import { content } from "@/db/content";
import { articles } from "@/db/content-schema";

// Rendered once, by `next build`. An article added later appears with the next release.
export const dynamic = "force-static";

export default function Home() {
  const stories = content()
    .select({ slug: articles.slug, title: articles.title, body: articles.body })
    .from(articles)
    .orderBy(asc(articles.id))
    .all();

  return (
    <main>
      <header>
        <h1>Northwind Shop</h1>
        <p className="lead">Groceries with a story.</p>
      </header>

      <section className="stories">
        {stories.map((story) => (
          <article key={story.slug} id={story.slug}>
            <h2>{story.title}</h2>
            <p>{story.body}</p>
          </article>
        ))}
      </section>

      <footer>
        <a href="/api/core">Orders</a>
        <a href="/api/system">Events</a>
        <a href="/api/content">Articles</a>
        <a href="/api/health">Health</a>
      </footer>
    </main>
  );
}
