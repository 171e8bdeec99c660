-- Stock, its history, and reservations. Times are Unix milliseconds.

-- How much there is of each product, or of each of its variants. `reserved` is the part of
-- `on_hand` that is promised: the sum of the lines of held reservations.
CREATE TABLE inventory (
    id            TEXT PRIMARY KEY,
    -- Moves with what staff sets, `on_hand` and `reorder_point`, and not with `reserved`: who
    -- sets a level must know of sales, and reservations must not keep them from it.
    version       INTEGER NOT NULL DEFAULT 1,
    product_id    TEXT NOT NULL REFERENCES products (id),
    -- NULL where the product itself is counted.
    variant_id    TEXT REFERENCES product_variants (id),
    on_hand       INTEGER NOT NULL,
    reserved      INTEGER NOT NULL DEFAULT 0,
    reorder_point INTEGER NOT NULL DEFAULT 0 CHECK (reorder_point >= 0),
    created_at    INTEGER NOT NULL,
    updated_at    INTEGER NOT NULL,
    -- When its product or variant was deleted: it cannot be reserved any more, what is reserved
    -- can still be sold or released.
    closed_at     INTEGER,
    CHECK (reserved >= 0 AND reserved <= on_hand)
) STRICT;
-- Takes NULL for one value, which a UNIQUE constraint would not.
CREATE UNIQUE INDEX inventory_item ON inventory (product_id, COALESCE(variant_id, ''))
    WHERE closed_at IS NULL;
-- For the references: a product that is inserted with RETURNING is looked for among them.
CREATE INDEX inventory_product ON inventory (product_id);
CREATE INDEX inventory_variant ON inventory (variant_id) WHERE variant_id IS NOT NULL;
-- Holds what is low and nothing else, what lacks most first: the list of it costs what it shows.
CREATE INDEX inventory_low ON inventory (on_hand - reserved - reorder_point, id)
    WHERE closed_at IS NULL AND on_hand - reserved - reorder_point <= 0;

-- Append-only: every change of `on_hand`, the first level included.
CREATE TABLE inventory_history (
    id            TEXT PRIMARY KEY,
    product_id    TEXT NOT NULL,
    variant_id    TEXT,
    delta         INTEGER NOT NULL CHECK (delta <> 0),
    on_hand_after INTEGER NOT NULL,
    reason        TEXT NOT NULL,
    -- The user who did it; NULL where it was the server, as when an order was paid.
    actor         TEXT,
    -- The reservation that was sold.
    reservation_id TEXT,
    created_at    INTEGER NOT NULL
) STRICT;
CREATE INDEX inventory_history_time ON inventory_history (created_at, id);
CREATE INDEX inventory_history_product ON inventory_history (product_id, created_at, id);
CREATE INDEX inventory_history_variant ON inventory_history (variant_id, created_at, id)
    WHERE variant_id IS NOT NULL;

CREATE TABLE stock_reservations (
    id          TEXT PRIMARY KEY,
    holder_kind TEXT NOT NULL,
    holder_id   TEXT NOT NULL,
    state       TEXT NOT NULL CHECK (state IN ('held', 'released', 'consumed')),
    created_at  INTEGER NOT NULL,
    expires_at  INTEGER NOT NULL,
    settled_at  INTEGER,
    CHECK ((state = 'held') = (settled_at IS NULL))
) STRICT;
CREATE INDEX stock_reservations_expiry ON stock_reservations (expires_at) WHERE state = 'held';
CREATE INDEX stock_reservations_settled ON stock_reservations (settled_at)
    WHERE settled_at IS NOT NULL;

CREATE TABLE stock_reservation_lines (
    reservation_id TEXT NOT NULL REFERENCES stock_reservations (id) ON DELETE CASCADE,
    inventory_id   TEXT NOT NULL REFERENCES inventory (id),
    quantity       INTEGER NOT NULL CHECK (quantity > 0),
    PRIMARY KEY (reservation_id, inventory_id)
) STRICT, WITHOUT ROWID;
