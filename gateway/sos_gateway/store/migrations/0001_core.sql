-- The core tables: who wears what, what was heard, what became of it.
-- event_key is a plain table on purpose: it alone decides whether an event is new, and a partitioned table
-- cannot hold that key. Times are timestamptz in UTC. Device numbers are the numbers on the label.

CREATE TABLE town (
    ine text PRIMARY KEY,              -- code of the Spanish statistics office, e.g. 08073 Cornellà
    name text NOT NULL,
    opens_on text[] NOT NULL DEFAULT '{}'  -- conditional kinds that open an incident here
);

CREATE TABLE wearer (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL,
    language text NOT NULL DEFAULT 'ca',
    home_town text NOT NULL REFERENCES town (ine),
    home_lat_e7 integer,
    home_lon_e7 integer,
    profile jsonb NOT NULL DEFAULT '{}',
    notes text NOT NULL DEFAULT ''
);

CREATE TABLE device (
    number integer PRIMARY KEY,
    wearer_id bigint NOT NULL REFERENCES wearer (id),
    secret bytea NOT NULL,             -- wrapped: AES-GCM under a key outside the database
    board text NOT NULL DEFAULT 'pendant',
    created_at timestamptz NOT NULL,
    revoked_at timestamptz,
    last_heard_at timestamptz,
    clock_set_at timestamptz,          -- last time an answer of ours may have set its clock
    recovery_index bigint NOT NULL DEFAULT 0,
    alias_mode smallint NOT NULL DEFAULT 1,  -- of the newest frame: 0 clock, 1 recovery
    last_boot integer NOT NULL DEFAULT 0,
    last_seq integer NOT NULL DEFAULT 0,
    battery smallint
);

CREATE TABLE hub (
    id text PRIMARY KEY,
    town text REFERENCES town (ine),
    lat_e7 integer,
    lon_e7 integer,
    place text NOT NULL DEFAULT '',
    last_seen_at timestamptz,
    status jsonb NOT NULL DEFAULT '{}'
);

-- What became of each frame a hub sent: receipts are read from here and from nowhere else.
CREATE TABLE hub_frame (
    hub text NOT NULL,
    spool text NOT NULL,
    n bigint NOT NULL,
    outcome text NOT NULL CHECK (outcome IN ('committed', 'refused', 'unresolved', 'coalesced')),
    at timestamptz NOT NULL,
    PRIMARY KEY (hub, spool, n)
);

CREATE TABLE event_key (
    device integer NOT NULL,
    boot integer NOT NULL,
    seq integer NOT NULL,
    PRIMARY KEY (device, boot, seq)
);

CREATE TABLE incident (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    wearer_id bigint NOT NULL REFERENCES wearer (id),
    device integer NOT NULL,
    kind text NOT NULL,                -- the most serious so far
    state text NOT NULL CHECK (state IN ('pending', 'open', 'accepted', 'on_scene', 'closed', 'cancelled')),
    town text NOT NULL,
    also_towns text[] NOT NULL DEFAULT '{}',
    pending_until timestamptz,
    opened_at timestamptz,
    accepted_at timestamptz,
    accepted_by text,
    closed_at timestamptz,
    disposition text,
    press_count integer NOT NULL DEFAULT 1,
    late boolean NOT NULL DEFAULT false,
    disputed boolean NOT NULL DEFAULT false,
    silent boolean NOT NULL DEFAULT false,
    says_false_alarm boolean NOT NULL DEFAULT false,
    raw text,                          -- hex of an unreadable alarm
    lat_e7 integer,
    lon_e7 integer,
    radius_m integer,
    position_source text NOT NULL DEFAULT 'unknown',
    position_at timestamptz,
    heard_by text,                     -- the hub that heard it best
    occurred_at timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);

-- One emergency is one incident: no second one of the same wearer while one is not over.
CREATE UNIQUE INDEX one_open_incident ON incident (wearer_id) WHERE state NOT IN ('closed', 'cancelled');
CREATE INDEX incident_by_wearer ON incident (wearer_id, received_at DESC);

CREATE TABLE event (
    id bigint GENERATED ALWAYS AS IDENTITY,
    device integer NOT NULL,
    boot integer NOT NULL,
    seq integer NOT NULL,
    kind smallint NOT NULL,            -- 0: unreadable
    flags smallint NOT NULL,
    form smallint NOT NULL,
    incident_id bigint,
    ref_boot integer,
    ref_seq integer,
    cancelled boolean NOT NULL DEFAULT false,
    occurred_at timestamptz NOT NULL,  -- the device's own time; receipt where it is unknown
    time_known boolean NOT NULL,
    received_at timestamptz NOT NULL,
    battery smallint,
    body bytea NOT NULL,
    hub text
);
CREATE INDEX event_by_number ON event (device, boot, seq);
CREATE INDEX event_by_incident ON event (incident_id);
CREATE INDEX event_by_reference ON event (device, ref_boot, ref_seq) WHERE ref_boot IS NOT NULL;

-- Where an event was heard, for the choice of hub and for disputed positions.
CREATE TABLE sighting (
    device integer NOT NULL,
    boot integer NOT NULL,
    seq integer NOT NULL,
    hub text NOT NULL,
    rssi smallint NOT NULL,
    heard_at timestamptz NOT NULL,
    PRIMARY KEY (device, boot, seq, hub)
);
CREATE INDEX sighting_by_device ON sighting (device, heard_at DESC);

-- Append-only, chained: hash = sha256(previous hash, this row). The gateway's role cannot change it.
CREATE TABLE transition (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    incident_id bigint NOT NULL,
    what text NOT NULL,
    from_state text,
    to_state text NOT NULL,
    who text NOT NULL,
    note text NOT NULL DEFAULT '',
    at timestamptz NOT NULL,
    hash bytea NOT NULL
);
CREATE INDEX transition_by_incident ON transition (incident_id, id);

CREATE TABLE timer (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    due timestamptz NOT NULL,
    kind text NOT NULL,                -- open: a pending incident opens unless this event was cancelled
    incident_id bigint NOT NULL,
    device integer NOT NULL,
    boot integer NOT NULL,
    seq integer NOT NULL
);
CREATE INDEX timer_by_due ON timer (due);

CREATE TABLE down (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    device integer NOT NULL,
    ref_boot integer NOT NULL,
    ref_seq integer NOT NULL,
    state smallint NOT NULL,
    arg smallint NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL,
    next_at timestamptz NOT NULL,
    attempts integer NOT NULL DEFAULT 0,
    tried text[] NOT NULL DEFAULT '{}',
    until_at timestamptz NOT NULL,
    felt_at timestamptz,
    UNIQUE (device, ref_boot, ref_seq)
);
CREATE INDEX down_by_next ON down (next_at) WHERE felt_at IS NULL;

CREATE TABLE unresolved (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    frame bytea NOT NULL,
    hub text NOT NULL,
    heard_at timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    tried_epochs integer NOT NULL DEFAULT 0,
    UNIQUE (frame)
);

CREATE TABLE counter (
    name text PRIMARY KEY,
    value bigint NOT NULL DEFAULT 0
);

CREATE TABLE audit (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL,
    who text NOT NULL,
    what text NOT NULL,
    detail jsonb NOT NULL DEFAULT '{}'
);

CREATE TABLE setting (
    name text PRIMARY KEY,
    value jsonb NOT NULL
);

CREATE RULE transition_is_never_changed AS ON UPDATE TO transition DO INSTEAD NOTHING;
CREATE RULE transition_is_never_removed AS ON DELETE TO transition DO INSTEAD NOTHING;

CREATE TABLE outbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    incident_id bigint NOT NULL,
    destination text NOT NULL,
    kind text NOT NULL,                -- alert, update, cancel
    identifier text NOT NULL UNIQUE,   -- stable: the receiver discards repeats by it
    payload jsonb NOT NULL,
    not_before timestamptz NOT NULL,
    state text NOT NULL DEFAULT 'waiting'
        CHECK (state IN ('waiting', 'claimed', 'sent', 'confirmed', 'dead', 'withdrawn')),
    attempts integer NOT NULL DEFAULT 0,
    next_at timestamptz NOT NULL,
    lease_until timestamptz,
    last_error text,
    created_at timestamptz NOT NULL
);
CREATE INDEX outbox_unconfirmed ON outbox (destination, incident_id, id)
    WHERE state IN ('waiting', 'claimed', 'sent');
