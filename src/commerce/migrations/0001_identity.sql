-- Identity: who there is, who is signed in, and what was done by whom.
-- Times are Unix milliseconds; ids are UUIDv7 text; secrets are stored as their SHA-256.

CREATE TABLE users (
    id TEXT PRIMARY KEY CHECK (length(id) = 36),
    email TEXT NOT NULL,
    -- The address in lower case: what makes two addresses one.
    email_key TEXT NOT NULL,
    name TEXT NOT NULL,
    phone TEXT,
    password_hash TEXT NOT NULL,
    email_verified_at INTEGER,
    version INTEGER NOT NULL DEFAULT 1 CHECK (version >= 1),
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    deleted_at INTEGER
) STRICT;
-- A deleted user's address can be registered again.
CREATE UNIQUE INDEX users_email ON users (email_key) WHERE deleted_at IS NULL;
CREATE INDEX users_live ON users (id) WHERE deleted_at IS NULL;

CREATE TABLE user_roles (
    user_id TEXT PRIMARY KEY REFERENCES users (id),
    role TEXT NOT NULL CHECK (role IN ('customer', 'vendor', 'admin')),
    granted_at INTEGER NOT NULL,
    -- Nobody for what a user gets by registering, or from the command line.
    granted_by TEXT REFERENCES users (id)
) STRICT;
CREATE INDEX user_roles_role ON user_roles (role, user_id);

-- A session is a family of refresh tokens: it begins with a login and ends as a whole.
CREATE TABLE sessions (
    id TEXT PRIMARY KEY CHECK (length(id) = 36),
    user_id TEXT NOT NULL REFERENCES users (id),
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    revoked_at INTEGER,
    revoked_because TEXT CHECK (revoked_because IN
        ('logout', 'reuse', 'password', 'deleted')),
    CHECK ((revoked_at IS NULL) = (revoked_because IS NULL))
) STRICT;
CREATE INDEX sessions_user ON sessions (user_id);
CREATE INDEX sessions_expiry ON sessions (expires_at);

CREATE TABLE refresh_tokens (
    hash BLOB PRIMARY KEY CHECK (length(hash) = 32),
    session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    issued_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    -- When it was used, and for which successor. The successor and the access token that came
    -- with it are derived from this token and this moment, so that the same answer can be given
    -- to a repeated request without being stored.
    rotated_at INTEGER,
    replaced_by BLOB CHECK (length(replaced_by) = 32),
    CHECK ((rotated_at IS NULL) = (replaced_by IS NULL))
) STRICT;
CREATE INDEX refresh_tokens_session ON refresh_tokens (session_id);
CREATE INDEX refresh_tokens_expiry ON refresh_tokens (expires_at);

-- Links that were mailed: to verify an address, to set a password.
CREATE TABLE account_tokens (
    hash BLOB PRIMARY KEY CHECK (length(hash) = 32),
    user_id TEXT NOT NULL REFERENCES users (id),
    purpose TEXT NOT NULL CHECK (purpose IN ('verify_email', 'reset_password')),
    -- Of the address that it was mailed to: it is good while the user has this one.
    email_key TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    used_at INTEGER
) STRICT;
CREATE INDEX account_tokens_user ON account_tokens (user_id, purpose);
CREATE INDEX account_tokens_expiry ON account_tokens (expires_at);

CREATE TABLE addresses (
    id TEXT PRIMARY KEY CHECK (length(id) = 36),
    user_id TEXT NOT NULL REFERENCES users (id),
    label TEXT,
    recipient TEXT NOT NULL,
    line1 TEXT NOT NULL,
    line2 TEXT,
    city TEXT NOT NULL,
    region TEXT,
    postal_code TEXT NOT NULL,
    country TEXT NOT NULL CHECK (length(country) = 2),
    phone TEXT,
    is_default INTEGER NOT NULL CHECK (is_default IN (0, 1)),
    version INTEGER NOT NULL DEFAULT 1 CHECK (version >= 1),
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;
CREATE INDEX addresses_user ON addresses (user_id, id);
CREATE UNIQUE INDEX addresses_default ON addresses (user_id) WHERE is_default = 1;

-- Append-only. Each row holds the SHA-256 of the one before it and of itself.
CREATE TABLE audit_logs (
    sequence INTEGER PRIMARY KEY CHECK (sequence >= 1),
    at INTEGER NOT NULL,
    actor_kind TEXT NOT NULL CHECK (actor_kind IN ('user', 'staff', 'operator', 'system')),
    actor_id TEXT,
    action TEXT NOT NULL,
    subject_kind TEXT NOT NULL,
    subject_id TEXT NOT NULL,
    -- A JSON object; never a secret, and no personal matter that a deletion would have to reach.
    detail TEXT NOT NULL,
    previous BLOB NOT NULL CHECK (length(previous) = 32),
    hash BLOB NOT NULL CHECK (length(hash) = 32)
) STRICT;

CREATE TABLE idempotency_keys (
    principal TEXT NOT NULL,
    key TEXT NOT NULL,
    method TEXT NOT NULL,
    path TEXT NOT NULL,
    body_hash BLOB NOT NULL CHECK (length(body_hash) = 32),
    created_at INTEGER NOT NULL,
    status INTEGER NOT NULL CHECK (status BETWEEN 200 AND 599),
    headers TEXT NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (principal, key)
) STRICT;
CREATE INDEX idempotency_keys_age ON idempotency_keys (created_at);

CREATE TABLE mail_outbox (
    id TEXT PRIMARY KEY CHECK (length(id) = 36),
    -- The address and the text are empty once it is sent: a link is as good as a password, and
    -- who is deleted is not to be found here.
    recipient TEXT NOT NULL,
    subject TEXT NOT NULL,
    body TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'sent', 'failed')),
    attempts INTEGER NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    next_attempt_at INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    settled_at INTEGER,
    fault TEXT
) STRICT;
CREATE INDEX mail_outbox_due ON mail_outbox (next_attempt_at) WHERE state = 'waiting';
CREATE INDEX mail_outbox_settled ON mail_outbox (settled_at) WHERE settled_at IS NOT NULL;
