-- Devices with a modem of their own: by which way they were heard, where they are, what they cannot do.

-- The way an event came: ble, lte (no hub: the device spoke itself), sms. A hub may hear one event by two ways.
ALTER TABLE sighting ADD COLUMN via text NOT NULL DEFAULT 'ble' CHECK (via IN ('ble', 'lte', 'sms'));
ALTER TABLE sighting DROP CONSTRAINT sighting_pkey;
ALTER TABLE sighting ADD PRIMARY KEY (device, boot, seq, hub, via);

-- Who published a frame nobody could open, where it was a device: another's frame is refused also when it is opened late.
ALTER TABLE unresolved ADD COLUMN via text NOT NULL DEFAULT 'ble';
ALTER TABLE unresolved ADD COLUMN publisher integer;

-- What only the full form says. An event with a position is a point of its incident's track.
ALTER TABLE event ADD COLUMN lat_e7 integer;
ALTER TABLE event ADD COLUMN lon_e7 integer;
ALTER TABLE event ADD COLUMN radius_m integer;
ALTER TABLE event ADD COLUMN fix_age_s integer;
ALTER TABLE event ADD COLUMN fix_at timestamptz;  -- the position's own time, where it is known
ALTER TABLE event ADD COLUMN cell text;           -- country-network-area-cell, as the device says
ALTER TABLE event ADD COLUMN battery_mv integer;
ALTER TABLE event ADD COLUMN press_count smallint;
ALTER TABLE event ADD COLUMN faults integer;

ALTER TABLE incident ADD COLUMN cell text;
ALTER TABLE incident ADD COLUMN cell_at timestamptz;
ALTER TABLE incident ADD COLUMN told_lat_e7 integer;  -- the position destinations were last told
ALTER TABLE incident ADD COLUMN told_lon_e7 integer;
UPDATE incident SET told_lat_e7 = lat_e7, told_lon_e7 = lon_e7 WHERE lat_e7 IS NOT NULL;

-- How far an answer has been carried by the two ways that have no ladder of hubs.
ALTER TABLE down ADD COLUMN lte_at timestamptz;       -- last published to the device's own topic
ALTER TABLE down ADD COLUMN lte_tries integer NOT NULL DEFAULT 0;  -- since the device was last heard
ALTER TABLE down ADD COLUMN sms_state smallint NOT NULL DEFAULT -1;  -- the highest state sent by text message
ALTER TABLE down ADD COLUMN sms_at timestamptz;

-- What a device cannot do now, by its own word (kinds.FAULT_NAMES) or by ours; a fault that is over has no row.
CREATE TABLE device_fault (
    device integer NOT NULL REFERENCES device (number),
    fault text NOT NULL,
    since timestamptz NOT NULL,
    seen_at timestamptz NOT NULL,
    PRIMARY KEY (device, fault)
);
-- The event that said so last: an older one that comes late speaks of a past that is over.
ALTER TABLE device ADD COLUMN faults_boot integer NOT NULL DEFAULT 0;
ALTER TABLE device ADD COLUMN faults_seq integer NOT NULL DEFAULT 0;

-- Where wearers have been is let go after a while (17 is position).
CREATE INDEX event_track ON event (received_at) WHERE incident_id IS NOT NULL AND kind = 17;
CREATE INDEX outbox_moved ON outbox (created_at) WHERE payload->>'change' = 'moved' AND payload->'position' <> 'null';
