-- For a large fleet: what grows by time can be laid out by time, and what has served can be found and removed.

-- Telemetry that retention removes; the numbers are kinds of sos_wire (low-battery, test, position, heartbeat, decoy,
-- felt). Alarms, cancels and whatever belongs to an incident stay.
CREATE INDEX event_telemetry ON event (received_at)
    WHERE incident_id IS NULL AND kind IN (12, 16, 17, 18, 19, 21);
CREATE INDEX sighting_by_time ON sighting (heard_at);
CREATE INDEX hub_frame_by_time ON hub_frame (at);
CREATE INDEX unresolved_by_time ON unresolved (received_at);

-- `event` becomes a hypertable where TimescaleDB is at hand, and stays a plain table where it is not: its queries go by
-- (device, boot, seq) or by incident, and partitions of our own would make each of them look into every one.
-- The other tables stay plain on both: event_key, sighting and hub_frame live by a key without time, which a
-- hypertable cannot hold; transition has rules that forbid changing it, which a hypertable does not know.
CREATE FUNCTION lay_out_by_time() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_available_extensions WHERE name = 'timescaledb') THEN
        RETURN 'plain';
    END IF;
    BEGIN
        CREATE EXTENSION IF NOT EXISTS timescaledb;
        PERFORM create_hypertable('event', 'received_at', chunk_time_interval => INTERVAL '7 days',
            migrate_data => true, if_not_exists => true);
        RETURN 'hypertable';
    EXCEPTION WHEN OTHERS THEN
        -- Not preloaded, not allowed, another version: none of it is a reason not to take alarms.
        RAISE WARNING 'event stays a plain table: %', SQLERRM;
        RETURN 'plain';
    END;
END $$;

INSERT INTO setting (name, value) VALUES ('event_layout', to_jsonb(lay_out_by_time()));
