import { desc, eq, sql } from "drizzle-orm";
import { core } from "@/db/core";
import { orders, products } from "@/db/core-schema";
import { BadRequest, create, readCount, readText } from "@/lib/request";

export const dynamic = "force-dynamic";

export function GET() {
  return Response.json({
    products: core().select().from(products).all(),
    orders: core().select().from(orders).orderBy(desc(orders.id)).limit(20).all(),
  });
}

export function POST(request: Request) {
  return create(request, (body) => {
    const sku = readText(body, "sku");
    const customer = readText(body, "customer");
    const quantity = readCount(body, "quantity");

    // Immediate: this reads before it writes, and a lock taken only at the write may come too late.
    return core().transaction(
      (tx) => {
        const product = tx.select().from(products).where(eq(products.sku, sku)).get();
        if (!product) throw new BadRequest(`There is no product "${sku}".`);
        tx.update(products)
          .set({ sold: sql`${products.sold} + ${quantity}` })
          .where(eq(products.id, product.id))
          .run();
        const totalCents = product.priceCents * quantity;
        return tx.insert(orders).values({ productId: product.id, customer, quantity, totalCents }).returning().get();
      },
      { behavior: "immediate" },
    );
  });
}
