-- How much there is of each product and variant. `variant_id` is NULL where the product itself is
-- counted; the index takes NULL for one value, which a UNIQUE constraint would not.
CREATE TABLE inventory (
    product_id    TEXT NOT NULL REFERENCES products (id),
    variant_id    TEXT REFERENCES product_variants (id),
    on_hand       INTEGER NOT NULL,
    reserved      INTEGER NOT NULL DEFAULT 0,
    reorder_point INTEGER NOT NULL DEFAULT 0,
    version       INTEGER NOT NULL DEFAULT 1,
    updated_at    INTEGER NOT NULL,
    CHECK (reserved >= 0 AND reserved <= on_hand)
) STRICT;
CREATE UNIQUE INDEX inventory_item ON inventory (product_id, COALESCE(variant_id, ''));
