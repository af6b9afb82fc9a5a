-- What a fall felt like: pieces of its acceleration, each kept once, as it came. They name their fall and need no number
-- of their own; a piece without its fall is never stored.

CREATE TABLE evidence (
    device integer NOT NULL,
    boot integer NOT NULL,
    seq integer NOT NULL,
    piece smallint NOT NULL,
    samples bytea NOT NULL,            -- x, y, z as int8, in counts of 64 milli-g, 25 a second (docs/wire.md, evidence)
    received_at timestamptz NOT NULL,
    PRIMARY KEY (device, boot, seq, piece)
);
CREATE INDEX evidence_by_time ON evidence (received_at);
