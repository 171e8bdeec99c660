-- The catalogue. Times are unix milliseconds, amounts minor units of the row's currency.

-- `path` is the slugs from the root, '/a/b/'; as '/' sorts after every character of a slug but
-- letters and digits, the descendants of '/a/b/' are the range '/a/b/' < path < '/a/b0'.
CREATE TABLE categories (
    id          TEXT PRIMARY KEY,
    version     INTEGER NOT NULL DEFAULT 1,
    parent_id   TEXT REFERENCES categories (id),
    name        TEXT NOT NULL,
    slug        TEXT NOT NULL,
    path        TEXT NOT NULL,
    depth       INTEGER NOT NULL CHECK (depth BETWEEN 0 AND 7),
    description TEXT NOT NULL,
    image       TEXT,
    sort_order  INTEGER NOT NULL,
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL,
    deleted_at  INTEGER
) STRICT;
CREATE UNIQUE INDEX categories_slug ON categories (slug) WHERE deleted_at IS NULL;
CREATE UNIQUE INDEX categories_path ON categories (path) WHERE deleted_at IS NULL;
CREATE INDEX categories_children ON categories (parent_id, sort_order, id)
    WHERE deleted_at IS NULL;

-- `number` counts products in the order of their creation. It is the last part of every sort and
-- the row of the search index. SQLite appends it to each index below; another engine lists it.
CREATE TABLE products (
    number               INTEGER PRIMARY KEY,
    id                   TEXT NOT NULL UNIQUE,
    version              INTEGER NOT NULL DEFAULT 1,
    status               TEXT NOT NULL CHECK (status IN ('active', 'inactive', 'archived')),
    category_id          TEXT REFERENCES categories (id),
    vendor_id            TEXT,
    price_amount         INTEGER NOT NULL CHECK (price_amount >= 0),
    currency             TEXT NOT NULL,
    rating_average_centi INTEGER NOT NULL DEFAULT 0
                         CHECK (rating_average_centi BETWEEN 0 AND 500),
    rating_count         INTEGER NOT NULL DEFAULT 0 CHECK (rating_count >= 0),
    popularity           INTEGER NOT NULL DEFAULT 0,
    created_at           INTEGER NOT NULL,
    updated_at           INTEGER NOT NULL,
    deleted_at           INTEGER,
    name                 TEXT NOT NULL,
    slug                 TEXT NOT NULL,
    sku                  TEXT NOT NULL,
    description          TEXT NOT NULL,
    specifications       TEXT NOT NULL,
    images               TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX products_slug ON products (slug) WHERE deleted_at IS NULL;
CREATE UNIQUE INDEX products_sku ON products (sku) WHERE deleted_at IS NULL;
CREATE INDEX products_created ON products (status) WHERE deleted_at IS NULL;
CREATE INDEX products_price ON products (status, price_amount) WHERE deleted_at IS NULL;
CREATE INDEX products_rating ON products (status, rating_average_centi)
    WHERE deleted_at IS NULL;
CREATE INDEX products_popularity ON products (status, popularity) WHERE deleted_at IS NULL;
CREATE INDEX products_category_created ON products (category_id, status)
    WHERE deleted_at IS NULL;
CREATE INDEX products_category_price ON products (category_id, status, price_amount)
    WHERE deleted_at IS NULL;
CREATE INDEX products_category_rating ON products (category_id, status, rating_average_centi)
    WHERE deleted_at IS NULL;
CREATE INDEX products_category_popularity ON products (category_id, status, popularity)
    WHERE deleted_at IS NULL;
CREATE INDEX products_vendor ON products (vendor_id, status)
    WHERE deleted_at IS NULL AND vendor_id IS NOT NULL;

-- How many live products a category has in a status; '' stands for none.
CREATE TABLE product_counts (
    category_id TEXT NOT NULL,
    status      TEXT NOT NULL,
    products    INTEGER NOT NULL CHECK (products >= 0),
    PRIMARY KEY (category_id, status)
) STRICT, WITHOUT ROWID;

CREATE TABLE product_variants (
    id           TEXT PRIMARY KEY,
    version      INTEGER NOT NULL DEFAULT 1,
    product_id   TEXT NOT NULL REFERENCES products (id),
    sku          TEXT NOT NULL,
    options      TEXT NOT NULL,
    price_amount INTEGER CHECK (price_amount >= 0),
    created_at   INTEGER NOT NULL,
    updated_at   INTEGER NOT NULL,
    deleted_at   INTEGER
) STRICT;
CREATE UNIQUE INDEX product_variants_sku ON product_variants (sku) WHERE deleted_at IS NULL;
CREATE UNIQUE INDEX product_variants_options ON product_variants (product_id, options)
    WHERE deleted_at IS NULL;
-- Not partial: references are checked by it.
CREATE INDEX product_variants_product ON product_variants (product_id, id);

CREATE TABLE attributes (
    id         TEXT PRIMARY KEY,
    version    INTEGER NOT NULL DEFAULT 1,
    name       TEXT NOT NULL,
    kind       TEXT NOT NULL CHECK (kind IN ('text', 'number', 'color', 'boolean')),
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX attributes_name ON attributes (lower(name));

CREATE TABLE attribute_values (
    id           TEXT PRIMARY KEY,
    attribute_id TEXT NOT NULL REFERENCES attributes (id),
    value        TEXT NOT NULL,
    sort_order   INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX attribute_values_value ON attribute_values (attribute_id, value);
CREATE INDEX attribute_values_order ON attribute_values (attribute_id, sort_order, id);

CREATE TABLE product_attributes (
    product_number INTEGER NOT NULL REFERENCES products (number),
    value_id       TEXT NOT NULL REFERENCES attribute_values (id),
    PRIMARY KEY (product_number, value_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX product_attributes_value ON product_attributes (value_id, product_number);

-- What was promised by a signed URL, and what came of it.
CREATE TABLE uploads (
    id           TEXT PRIMARY KEY,
    owner_id     TEXT NOT NULL,
    filename     TEXT,
    content_type TEXT NOT NULL,
    size_bytes   INTEGER NOT NULL CHECK (size_bytes > 0),
    sha256       TEXT,
    issued_at    INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL,
    stored_at    INTEGER,
    -- Since when nothing of the catalogue names it; only of one that came.
    unused_since INTEGER
) STRICT;
CREATE INDEX uploads_unused ON uploads (expires_at) WHERE stored_at IS NULL;
CREATE INDEX uploads_awaited ON uploads (owner_id, expires_at) WHERE stored_at IS NULL;
CREATE INDEX uploads_unnamed ON uploads (unused_since) WHERE unused_since IS NOT NULL;

-- What was promised to an owner and what came, together.
CREATE TABLE upload_totals (
    owner_id TEXT PRIMARY KEY,
    files    INTEGER NOT NULL CHECK (files >= 0),
    bytes    INTEGER NOT NULL CHECK (bytes >= 0)
) STRICT, WITHOUT ROWID;

-- Which products, categories and variants name an upload.
CREATE TABLE upload_uses (
    holder_id TEXT NOT NULL,
    upload_id TEXT NOT NULL REFERENCES uploads (id),
    PRIMARY KEY (holder_id, upload_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX upload_uses_upload ON upload_uses (upload_id);

-- Words of live products; `facets` holds words that stand for exact filters.
CREATE VIRTUAL TABLE product_search USING fts5 (
    name, sku, description, facets,
    content = '', contentless_delete = 1, prefix = '1 2 3',
    tokenize = 'unicode61 remove_diacritics 2'
);
