-- Operators and machines that use console and API.

CREATE TABLE account (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE,
    role text NOT NULL CHECK (role IN ('operator', 'specialist', 'administrator')),
    towns text[] NOT NULL DEFAULT '{}',    -- empty: all towns
    password_hash text,                    -- argon2id; none: a machine, tokens only
    failures integer NOT NULL DEFAULT 0,
    locked_until timestamptz,
    disabled boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL
);

CREATE TABLE session (
    token_hash bytea PRIMARY KEY,          -- SHA-256: what is in the database opens nothing
    account_id bigint NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    kind text NOT NULL CHECK (kind IN ('browser', 'token')),
    csrf text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL,
    seen_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL
);
