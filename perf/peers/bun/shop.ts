// Bun with bun:sqlite as a peer of the commerce API: a copy of Thirteen's own database, the same
// JSON, no authentication and no validation. bun shop.ts PORT DATABASE

import { Database } from "bun:sqlite";

const [port, path] = process.argv.slice(2);
const database = new Database(path);
for (const pragma of ["journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"]) {
  database.run(`PRAGMA ${pragma}`);
}

const COLUMNS = `
  p.id, p.version, p.name, p.slug, p.sku, p.description, p.specifications, p.price_amount,
  p.currency, p.category_id, p.vendor_id, p.status, p.images, p.rating_average_centi,
  p.rating_count, p.created_at, p.updated_at,
  (SELECT sum(on_hand) FROM inventory i WHERE i.product_id = p.id) AS on_hand,
  (SELECT sum(on_hand - reserved) FROM inventory i WHERE i.product_id = p.id) AS available,
  (SELECT json_group_array(json_object('name', a.name, 'value', v.value))
   FROM product_attributes pa JOIN attribute_values v ON v.id = pa.value_id
   JOIN attributes a ON a.id = v.attribute_id WHERE pa.product_number = p.number) AS attributes`;
const one = database.query(`SELECT ${COLUMNS} FROM products p
  WHERE p.id = ?1 AND p.deleted_at IS NULL`);
const newest = database.query(`SELECT ${COLUMNS} FROM products p
  WHERE p.status = 'active' AND p.deleted_at IS NULL ORDER BY p.number DESC LIMIT ?1`);

const take = database.query(`UPDATE inventory SET on_hand = on_hand + ?2, version = version + 1,
  updated_at = ?3 WHERE product_id = ?1 AND variant_id IS NULL RETURNING on_hand, reserved`);
const note = database.query(`INSERT INTO inventory_history
  (id, product_id, variant_id, delta, on_hand_after, reason, actor, created_at)
  VALUES (?1, ?2, NULL, ?3, ?4, ?5, NULL, ?6)`);
const adjust = database.transaction(({ product_id, delta, reason }) => {
  const now = Date.now();
  const row = take.get(product_id, delta, now) as any;
  note.run(Bun.randomUUIDv7(), product_id, delta, row.on_hand, reason, now);
  return { product_id, on_hand: row.on_hand, reserved: row.reserved };
});

const server = Bun.serve({
  hostname: "127.0.0.1",
  port: Number(port),
  routes: {
    "/api/v1/products": () =>
      Response.json({ items: newest.all(20).map(product), next: null }),
    "/api/v1/products/:id": (request) => {
      const row = one.get(request.params.id);
      return row ? Response.json(product(row)) : new Response("not found", { status: 404 });
    },
    "/api/v1/inventory/adjust": {
      POST: async (request) => Response.json(adjust.immediate(await request.json())),
    },
  },
  fetch: () => new Response("not found", { status: 404 }),
});
console.log(`bun ${server.url.origin}\nready`);

function product(row: any) {
  return {
    id: row.id,
    version: row.version,
    name: row.name,
    slug: row.slug,
    sku: row.sku,
    description: row.description,
    specifications: JSON.parse(row.specifications),
    price_amount: row.price_amount,
    currency: row.currency,
    category_id: row.category_id,
    vendor_id: row.vendor_id,
    status: row.status,
    attributes: JSON.parse(row.attributes),
    images: JSON.parse(row.images),
    rating_average: row.rating_average_centi / 100,
    rating_count: row.rating_count,
    stock: { on_hand: row.on_hand ?? 0, available: row.available ?? 0 },
    created_at: new Date(row.created_at).toISOString(),
    updated_at: new Date(row.updated_at).toISOString(),
  };
}
