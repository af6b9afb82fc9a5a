-- File format: `-- name --`, then the query with %(name)s parameters. Read once at import.

-- claim_event --
INSERT INTO event_key (device, boot, seq) VALUES (%(device)s, %(boot)s, %(seq)s)
ON CONFLICT DO NOTHING RETURNING device

-- insert_event --
INSERT INTO event (device, boot, seq, kind, flags, form, incident_id, ref_boot, ref_seq, cancelled,
    occurred_at, time_known, received_at, battery, body, hub, lat_e7, lon_e7, radius_m, fix_age_s, fix_at, cell,
    battery_mv, press_count, faults)
VALUES (%(device)s, %(boot)s, %(seq)s, %(kind)s, %(flags)s, %(form)s, %(incident_id)s, %(ref_boot)s, %(ref_seq)s,
    %(cancelled)s, %(occurred_at)s, %(time_known)s, %(received_at)s, %(battery)s, %(body)s, %(hub)s, %(lat_e7)s,
    %(lon_e7)s, %(radius_m)s, %(fix_age_s)s, %(fix_at)s, %(cell)s, %(battery_mv)s, %(press_count)s, %(faults)s)

-- tell_more --
UPDATE event SET lat_e7 = %(lat_e7)s, lon_e7 = %(lon_e7)s, radius_m = %(radius_m)s, fix_age_s = %(fix_age_s)s,
    fix_at = %(fix_at)s, cell = %(cell)s, battery_mv = %(battery_mv)s, press_count = %(press_count)s,
    faults = %(faults)s
WHERE device = %(device)s AND boot = %(boot)s AND seq = %(seq)s

-- event --
SELECT device, boot, seq, kind, flags, form, incident_id, ref_boot, ref_seq, cancelled, occurred_at, time_known,
    received_at, battery, body, hub, lat_e7, lon_e7, radius_m, fix_age_s, fix_at, cell, battery_mv, press_count, faults
FROM event WHERE device = %(device)s AND boot = %(boot)s AND seq = %(seq)s

-- events_of --
SELECT device, boot, seq, kind, flags, form, incident_id, ref_boot, ref_seq, cancelled, occurred_at, time_known,
    received_at, battery, body, hub, lat_e7, lon_e7, radius_m, fix_age_s, fix_at, cell, battery_mv, press_count, faults
FROM event WHERE incident_id = %(incident_id)s ORDER BY id

-- named_by --
SELECT 1 FROM event
WHERE device = %(device)s AND ref_boot = %(boot)s AND ref_seq = %(seq)s AND kind = %(kind)s LIMIT 1

-- add_evidence --
INSERT INTO evidence (device, boot, seq, piece, samples, received_at)
VALUES (%(device)s, %(boot)s, %(seq)s, %(piece)s, %(samples)s, %(now)s)
ON CONFLICT DO NOTHING RETURNING device

-- mark_cancelled --
UPDATE event SET cancelled = true WHERE device = %(device)s AND boot = %(boot)s AND seq = %(seq)s

-- lock_wearer --
SELECT w.id, w.name, w.home_town, w.language, w.home_lat_e7, w.home_lon_e7, w.profile, w.notes,
    t.opens_on AS town_opens_on
FROM wearer w JOIN town t ON t.ine = w.home_town WHERE w.id = %(wearer_id)s FOR UPDATE OF w

-- device_wearer --
SELECT wearer_id FROM device WHERE number = %(device)s

-- current_incident --
SELECT * FROM incident WHERE wearer_id = %(wearer_id)s AND state NOT IN ('closed', 'cancelled')

-- closed_incidents --
SELECT * FROM incident WHERE wearer_id = %(wearer_id)s AND state = 'closed' AND closed_at > %(since)s
ORDER BY closed_at DESC

-- incident --
SELECT * FROM incident WHERE id = %(incident_id)s

-- incident_for_update --
SELECT * FROM incident WHERE id = %(incident_id)s FOR UPDATE

-- insert_incident --
INSERT INTO incident (wearer_id, device, kind, state, town, also_towns, pending_until, opened_at, accepted_at,
    accepted_by, closed_at, disposition, press_count, late, disputed, silent, says_false_alarm, raw, lat_e7, lon_e7,
    radius_m, position_source, position_at, heard_by, occurred_at, received_at, updated_at, cell, cell_at,
    told_lat_e7, told_lon_e7)
VALUES (%(wearer_id)s, %(device)s, %(kind)s, %(state)s, %(town)s, %(also_towns)s, %(pending_until)s, %(opened_at)s,
    %(accepted_at)s, %(accepted_by)s, %(closed_at)s, %(disposition)s, %(press_count)s, %(late)s, %(disputed)s,
    %(silent)s, %(says_false_alarm)s, %(raw)s, %(lat_e7)s, %(lon_e7)s, %(radius_m)s, %(position_source)s,
    %(position_at)s, %(heard_by)s, %(occurred_at)s, %(received_at)s, %(updated_at)s, %(cell)s, %(cell_at)s,
    %(told_lat_e7)s, %(told_lon_e7)s)
RETURNING id

-- update_incident --
UPDATE incident SET kind = %(kind)s, state = %(state)s, town = %(town)s, also_towns = %(also_towns)s,
    pending_until = %(pending_until)s, opened_at = %(opened_at)s, accepted_at = %(accepted_at)s,
    accepted_by = %(accepted_by)s, closed_at = %(closed_at)s, disposition = %(disposition)s,
    press_count = %(press_count)s, late = %(late)s, disputed = %(disputed)s, silent = %(silent)s,
    says_false_alarm = %(says_false_alarm)s, raw = %(raw)s, lat_e7 = %(lat_e7)s, lon_e7 = %(lon_e7)s,
    radius_m = %(radius_m)s, position_source = %(position_source)s, position_at = %(position_at)s,
    heard_by = %(heard_by)s, occurred_at = %(occurred_at)s, updated_at = %(updated_at)s, cell = %(cell)s,
    cell_at = %(cell_at)s, told_lat_e7 = %(told_lat_e7)s, told_lon_e7 = %(told_lon_e7)s
WHERE id = %(id)s

-- last_hash --
SELECT hash FROM transition WHERE incident_id = %(incident_id)s ORDER BY id DESC LIMIT 1

-- insert_transition --
INSERT INTO transition (incident_id, what, from_state, to_state, who, note, at, hash)
VALUES (%(incident_id)s, %(what)s, %(from_state)s, %(to_state)s, %(who)s, %(note)s, %(at)s, %(hash)s)

-- transitions --
SELECT id, incident_id, what, from_state, to_state, who, note, at, hash
FROM transition WHERE incident_id = %(incident_id)s ORDER BY id

-- transitions_since --
SELECT id, incident_id, what, from_state, to_state, who, note, at, hash
FROM transition WHERE id > %(after)s ORDER BY id LIMIT %(limit)s

-- notify --
SELECT pg_notify(%(channel)s, %(payload)s)

-- insert_timer --
INSERT INTO timer (due, kind, incident_id, device, boot, seq)
VALUES (%(due)s, %(kind)s, %(incident_id)s, %(device)s, %(boot)s, %(seq)s)

-- due_timers --
DELETE FROM timer WHERE id IN (
    SELECT id FROM timer WHERE due <= %(now)s ORDER BY due LIMIT %(limit)s FOR UPDATE SKIP LOCKED)
RETURNING id, due, kind, incident_id, device, boot, seq

-- next_timer --
SELECT min(due) AS due FROM timer

-- insert_outbox --
-- A destination that was told nothing of the incident is not told that it is cancelled either.
INSERT INTO outbox (incident_id, destination, kind, identifier, payload, not_before, next_at, created_at)
SELECT %(incident_id)s, %(destination)s, %(kind)s, %(identifier)s, %(payload)s, %(not_before)s, %(not_before)s,
    %(created_at)s
WHERE %(kind)s <> 'cancel' OR EXISTS (
    SELECT 1 FROM outbox told WHERE told.incident_id = %(incident_id)s AND told.destination = %(destination)s
        AND told.state NOT IN ('withdrawn', 'dead'))
ON CONFLICT (identifier) DO NOTHING

-- release_outbox --
UPDATE outbox SET not_before = %(now)s, next_at = LEAST(next_at, %(now)s)
WHERE incident_id = %(incident_id)s AND state = 'waiting' AND not_before > %(now)s

-- withdraw_outbox --
UPDATE outbox SET state = 'withdrawn' WHERE incident_id = %(incident_id)s AND state = 'waiting' AND attempts = 0

-- put_down --
INSERT INTO down (device, ref_boot, ref_seq, state, arg, created_at, next_at, until_at)
VALUES (%(device)s, %(ref_boot)s, %(ref_seq)s, %(state)s, %(arg)s, %(now)s, %(now)s, %(until_at)s)
ON CONFLICT (device, ref_boot, ref_seq) DO UPDATE
SET state = EXCLUDED.state, next_at = EXCLUDED.next_at, until_at = EXCLUDED.until_at, attempts = 0, tried = '{}',
    lte_at = NULL, lte_tries = 0, felt_at = NULL
WHERE down.state < EXCLUDED.state
RETURNING id

-- down_of --
SELECT * FROM down WHERE device = %(device)s AND ref_boot = %(ref_boot)s AND ref_seq = %(ref_seq)s

-- felt --
UPDATE down SET felt_at = %(now)s
WHERE device = %(device)s AND ref_boot = %(ref_boot)s AND ref_seq = %(ref_seq)s AND state <= %(state)s
    AND felt_at IS NULL
RETURNING id

-- claim_down --
UPDATE down SET attempts = attempts + 1, next_at = %(next_at)s WHERE id IN (
    SELECT id FROM down WHERE felt_at IS NULL AND next_at <= %(now)s AND until_at > %(now)s
    ORDER BY next_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED)
RETURNING *

-- set_down_turn --
UPDATE down SET next_at = %(next_at)s, tried = %(tried)s, lte_at = %(lte_at)s, lte_tries = %(lte_tries)s,
    sms_state = %(sms_state)s, sms_at = %(sms_at)s
WHERE id = %(id)s AND felt_at IS NULL

-- set_down_due --
UPDATE down SET next_at = %(next_at)s, lte_tries = 0 WHERE id = %(id)s AND felt_at IS NULL

-- down_reported --
-- Only who hears the device can have carried its answer.
UPDATE down SET next_at = %(next_at)s WHERE id = %(id)s AND felt_at IS NULL AND EXISTS (
    SELECT 1 FROM sighting s WHERE s.device = down.device AND s.hub = %(hub)s AND s.heard_at > %(since)s)

-- text_failed --
UPDATE down SET sms_state = -1 WHERE id = %(id)s AND felt_at IS NULL AND EXISTS (
    SELECT 1 FROM sighting s WHERE s.device = down.device AND s.hub = %(hub)s AND s.via = 'sms'
        AND s.heard_at > %(since)s)

-- next_down --
SELECT min(next_at) AS next_at FROM down WHERE felt_at IS NULL AND until_at > %(now)s

-- insert_sighting --
INSERT INTO sighting (device, boot, seq, hub, rssi, heard_at, via)
VALUES (%(device)s, %(boot)s, %(seq)s, %(hub)s, %(rssi)s, %(heard_at)s, %(via)s)
ON CONFLICT (device, boot, seq, hub, via) DO UPDATE
SET rssi = EXCLUDED.rssi, heard_at = GREATEST(sighting.heard_at, EXCLUDED.heard_at)

-- recent_sightings --
-- On the air: where a device is, and which hub reaches it, no text message and no network can tell.
SELECT device, boot, seq, hub, rssi, heard_at, via FROM sighting
WHERE device = %(device)s AND heard_at > %(since)s AND via = 'ble' ORDER BY heard_at DESC, boot DESC, seq DESC, hub
LIMIT 60

-- last_heard --
SELECT DISTINCT ON (via, hub) device, boot, seq, hub, rssi, heard_at, via FROM sighting
WHERE device = %(device)s AND heard_at > %(since)s ORDER BY via, hub, heard_at DESC, boot DESC, seq DESC

-- record_frame --
INSERT INTO hub_frame (hub, spool, n, outcome, at) VALUES (%(hub)s, %(spool)s, %(n)s, %(outcome)s, %(at)s)
ON CONFLICT DO NOTHING

-- frames_done --
SELECT n FROM hub_frame WHERE hub = %(hub)s AND spool = %(spool)s AND n = ANY (%(numbers)s)

-- touch_device --
-- Only the device's newest event tells of its clock: a delayed one speaks of a clock it may no longer have.
WITH before AS (
    SELECT number, clock_set_at, recovery_index, (%(boot)s, %(seq)s) > (last_boot, last_seq) AS is_newest
    FROM device WHERE number = %(device)s FOR UPDATE)
UPDATE device d SET last_heard_at = GREATEST(d.last_heard_at, %(now)s),
    alias_mode = CASE WHEN is_newest THEN %(mode)s ELSE d.alias_mode END,
    clock_set_at = CASE WHEN NOT is_newest THEN d.clock_set_at WHEN %(mode)s = 1 THEN NULL
        ELSE GREATEST(d.clock_set_at, %(clock_set_at)s) END,
    recovery_index = CASE WHEN %(mode)s = 1 THEN GREATEST(d.recovery_index, %(alias_index)s)
        ELSE d.recovery_index END,
    last_boot = CASE WHEN is_newest THEN %(boot)s ELSE d.last_boot END,
    last_seq = CASE WHEN is_newest THEN %(seq)s ELSE d.last_seq END,
    battery = COALESCE(%(battery)s, d.battery)
FROM before WHERE d.number = before.number
RETURNING d.clock_set_at, d.recovery_index,
    d.recovery_index <> before.recovery_index
        OR (d.clock_set_at IS NULL) <> (before.clock_set_at IS NULL) AS others_must_know

-- faults_said --
UPDATE device SET faults_boot = %(boot)s, faults_seq = %(seq)s
WHERE number = %(device)s AND (faults_boot, faults_seq) <= (%(boot)s, %(seq)s)
RETURNING number

-- remove_faults --
DELETE FROM device_fault WHERE device = %(device)s AND fault = ANY (%(known)s) AND NOT fault = ANY (%(faults)s)

-- put_fault --
INSERT INTO device_fault (device, fault, since, seen_at)
SELECT number, %(fault)s, %(now)s, %(now)s FROM device WHERE number = %(device)s
ON CONFLICT (device, fault) DO UPDATE SET seen_at = GREATEST(device_fault.seen_at, EXCLUDED.seen_at)

-- touch_hub --
INSERT INTO hub (id, last_seen_at, status) VALUES (%(hub)s, %(now)s, %(status)s)
ON CONFLICT (id) DO UPDATE SET last_seen_at = EXCLUDED.last_seen_at,
    status = CASE WHEN EXCLUDED.status = '{}'::jsonb THEN hub.status ELSE EXCLUDED.status END

-- hubs --
SELECT id, town, lat_e7, lon_e7, place, last_seen_at FROM hub ORDER BY id

-- keep_unresolved --
INSERT INTO unresolved (frame, hub, heard_at, received_at, via, publisher)
VALUES (%(frame)s, %(hub)s, %(heard_at)s, %(received_at)s, %(via)s, %(publisher)s) ON CONFLICT (frame) DO NOTHING

-- trim_unresolved --
WITH gone AS (
    DELETE FROM unresolved WHERE received_at < %(oldest)s
        OR id <= (SELECT id FROM unresolved ORDER BY id DESC OFFSET %(most)s LIMIT 1)
    RETURNING 1)
SELECT count(*) AS n FROM gone

-- unresolved --
-- The newest first: of those the wearer may still be in need.
SELECT id, frame, hub, heard_at, tried_epochs, via, publisher FROM unresolved WHERE id < %(before)s ORDER BY id DESC LIMIT %(limit)s

-- resolved --
DELETE FROM unresolved WHERE id = %(id)s

-- unresolved_searched --
UPDATE unresolved SET tried_epochs = %(tried)s WHERE id = ANY (%(ids)s)

-- count --
INSERT INTO counter (name, value) VALUES (%(name)s, %(by)s)
ON CONFLICT (name) DO UPDATE SET value = counter.value + EXCLUDED.value

-- counters --
SELECT name, value FROM counter ORDER BY name

-- count_devices --
SELECT count(*) AS n FROM device WHERE revoked_at IS NULL

-- database_now --
SELECT clock_timestamp() AS now

-- devices_since --
SELECT number, secret, clock_set_at, last_heard_at, recovery_index, revoked_at FROM device
WHERE %(since)s::timestamptz IS NULL AND revoked_at IS NULL OR created_at > %(since)s OR revoked_at > %(since)s

-- devices --
SELECT number, wearer_id, secret, clock_set_at, last_heard_at, recovery_index, alias_mode
FROM device WHERE revoked_at IS NULL ORDER BY number

-- device --
SELECT number, wearer_id, secret, clock_set_at, last_heard_at, recovery_index, alias_mode, revoked_at
FROM device WHERE number = %(device)s

-- incidents --
-- Everything that is not over, however much and however old; the bound is for what is over.
WITH over AS (
    SELECT id FROM incident WHERE state IN ('closed', 'cancelled') AND updated_at > %(since)s
    ORDER BY updated_at DESC LIMIT %(most_over)s)
SELECT i.*, w.name AS wearer_name, t.name AS town_name FROM incident i
JOIN wearer w ON w.id = i.wearer_id LEFT JOIN town t ON t.ine = i.town
WHERE i.state NOT IN ('closed', 'cancelled') OR i.id IN (SELECT id FROM over)

-- incident_view --
SELECT i.*, w.name AS wearer_name, w.language AS wearer_language, t.name AS town_name FROM incident i
JOIN wearer w ON w.id = i.wearer_id LEFT JOIN town t ON t.ine = i.town
WHERE i.id = %(incident_id)s

-- track --
-- In the order of the positions' own times; the newest where there are too many.
SELECT * FROM (
    SELECT lat_e7, lon_e7, radius_m, fix_at AS at FROM event
    WHERE incident_id = %(incident_id)s AND lat_e7 IS NOT NULL AND fix_at IS NOT NULL
    ORDER BY at DESC LIMIT %(most)s) newest
ORDER BY at

-- evidence --
-- The newest falls first; of each what came, in the order of its samples.
SELECT v.boot, v.seq, v.piece, v.samples, e.occurred_at FROM event e
JOIN evidence v ON (v.device, v.boot, v.seq) = (e.device, e.boot, e.seq)
WHERE e.incident_id = %(incident_id)s ORDER BY e.occurred_at DESC, v.boot DESC, v.seq DESC, v.piece LIMIT %(most)s

-- risen --
-- Up again, by what names one of the incident's falls: it may have come before the fall did.
SELECT max(r.occurred_at) AS at FROM event e
JOIN event r ON (r.device, r.ref_boot, r.ref_seq) = (e.device, e.boot, e.seq)
WHERE e.incident_id = %(incident_id)s AND r.ref_boot IS NOT NULL AND r.kind = %(kind)s

-- heard --
SELECT s.via, s.hub, max(s.heard_at) AS heard_at FROM event e
JOIN sighting s ON (s.device, s.boot, s.seq) = (e.device, e.boot, e.seq)
WHERE e.incident_id = %(incident_id)s GROUP BY s.via, s.hub ORDER BY heard_at DESC

-- faults --
SELECT f.device, f.fault, f.since, f.seen_at, w.name AS wearer_name, w.profile, w.home_town, t.name AS town_name
FROM device_fault f JOIN device d ON d.number = f.device JOIN wearer w ON w.id = d.wearer_id
JOIN town t ON t.ine = w.home_town
WHERE d.revoked_at IS NULL AND (%(device)s::integer IS NULL OR f.device = %(device)s)
    AND (f.fault <> 'unopened' OR f.seen_at > %(since)s)
ORDER BY f.since DESC, f.device, f.fault

-- heard_by_way --
SELECT via, count(DISTINCT device) AS n FROM sighting WHERE heard_at > %(since)s GROUP BY via ORDER BY via

-- fault_counts --
SELECT fault, count(*) AS n FROM device_fault WHERE fault <> 'unopened' OR seen_at > %(since)s
GROUP BY fault ORDER BY fault

-- towns --
SELECT ine, name FROM town ORDER BY name

-- put_town --
INSERT INTO town (ine, name) VALUES (%(ine)s, %(name)s) ON CONFLICT (ine) DO UPDATE SET name = EXCLUDED.name

-- put_hub --
INSERT INTO hub (id, town, lat_e7, lon_e7, place) VALUES (%(id)s, %(town)s, %(lat_e7)s, %(lon_e7)s, %(place)s)
ON CONFLICT (id) DO UPDATE SET town = EXCLUDED.town, lat_e7 = EXCLUDED.lat_e7, lon_e7 = EXCLUDED.lon_e7,
    place = EXCLUDED.place

-- newest_transition --
SELECT COALESCE(max(id), 0) AS id FROM transition

-- last_transition --
SELECT id, what FROM transition WHERE incident_id = %(incident_id)s ORDER BY id DESC LIMIT 1

-- downs_fall_due --
UPDATE down SET next_at = %(now)s, attempts = 0, tried = '{}', lte_tries = 0
WHERE device = %(device)s AND felt_at IS NULL AND until_at > %(now)s AND next_at > %(rested)s
RETURNING id

-- remove_telemetry --
-- The kinds are those of the index event_telemetry. On a hypertable ctid is not unique: rows are found by number.
WITH old AS (
    SELECT device, boot, seq, received_at FROM event
    WHERE received_at < %(oldest)s AND incident_id IS NULL AND kind IN (12, 16, 17, 18, 19, 21)
    ORDER BY received_at LIMIT %(limit)s),
gone AS (
    DELETE FROM event e USING old WHERE e.device = old.device AND e.boot = old.boot AND e.seq = old.seq
        AND e.received_at = old.received_at
    RETURNING 1)
SELECT count(*) AS n FROM gone

-- remove_sightings --
WITH gone AS (
    DELETE FROM sighting WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM sighting WHERE heard_at < %(oldest)s ORDER BY heard_at LIMIT %(limit)s
        FOR UPDATE SKIP LOCKED))
    RETURNING 1)
SELECT count(*) AS n FROM gone

-- remove_hub_frames --
WITH gone AS (
    DELETE FROM hub_frame WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM hub_frame WHERE at < %(oldest)s ORDER BY at LIMIT %(limit)s FOR UPDATE SKIP LOCKED))
    RETURNING 1)
SELECT count(*) AS n FROM gone

-- remove_tracks --
-- The positions that followed an alarm, of incidents that are over. The incident keeps the last one.
WITH old AS (
    SELECT e.device, e.boot, e.seq, e.received_at FROM event e JOIN incident i ON i.id = e.incident_id
    WHERE e.received_at < %(oldest)s AND e.kind = 17 AND e.incident_id IS NOT NULL
        AND i.state IN ('closed', 'cancelled') AND i.updated_at < %(oldest)s
    ORDER BY e.received_at LIMIT %(limit)s),
gone AS (
    DELETE FROM event e USING old WHERE e.device = old.device AND e.boot = old.boot AND e.seq = old.seq
        AND e.received_at = old.received_at
    RETURNING 1)
SELECT count(*) AS n FROM gone

-- remove_evidence --
-- What falls felt like, of incidents that are over.
WITH gone AS (
    DELETE FROM evidence WHERE ctid = ANY (ARRAY(
        SELECT v.ctid FROM evidence v
        LEFT JOIN event e ON (e.device, e.boot, e.seq) = (v.device, v.boot, v.seq)
        LEFT JOIN incident i ON i.id = e.incident_id
        WHERE v.received_at < %(oldest)s
            AND (i.id IS NULL OR i.state IN ('closed', 'cancelled') AND i.updated_at < %(oldest)s)
        ORDER BY v.received_at LIMIT %(limit)s FOR UPDATE OF v SKIP LOCKED))
    RETURNING 1)
SELECT count(*) AS n FROM gone

-- remove_told_places --
-- What destinations were told of each step; the messages stay, for later ones refer to them.
WITH gone AS (
    UPDATE outbox SET payload = payload || '{"position": null}' WHERE id = ANY (ARRAY(
        SELECT id FROM outbox
        WHERE created_at < %(oldest)s AND payload->>'change' = 'moved' AND payload->'position' <> 'null'
            AND state IN ('confirmed', 'withdrawn', 'dead')
        ORDER BY created_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED))
    RETURNING 1)
SELECT count(*) AS n FROM gone

-- enabled_accounts --
SELECT id FROM account WHERE NOT disabled
