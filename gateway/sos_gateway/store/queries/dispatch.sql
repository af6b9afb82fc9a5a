-- claim_outbox --
-- The oldest unconfirmed row of an incident and destination, and no younger one: order is kept by never
-- looking past it. A claim whose lease has ended counts as waiting. Alerts go first, and what was never tried goes
-- before what was: a new alarm does not queue behind the repetitions of old ones.
-- Written so that each candidate costs one look into the index, best candidates first: as a plain NOT EXISTS the
-- planner, when its statistics were old, took 100 s for 30,000 waiting rows.
WITH due AS MATERIALIZED (
    SELECT id, incident_id FROM outbox
    WHERE destination = %(destination)s
      AND (state = 'waiting' OR (state IN ('claimed', 'sent') AND lease_until < %(now)s))
      AND not_before <= %(now)s AND next_at <= %(now)s
    ORDER BY (kind = 'alert') DESC, (attempts = 0) DESC, next_at, id),
heads AS MATERIALIZED (
    SELECT due.id FROM due
    WHERE due.id = (
        SELECT oldest.id FROM outbox oldest
        WHERE oldest.destination = %(destination)s AND oldest.incident_id = due.incident_id
          AND oldest.state IN ('waiting', 'claimed', 'sent')
        ORDER BY oldest.destination, oldest.incident_id, oldest.id LIMIT 1)
    LIMIT 4 * %(limit)s)
UPDATE outbox SET state = 'claimed', lease_until = %(lease_until)s, attempts = attempts + 1
WHERE id IN (
    SELECT o.id FROM outbox o
    WHERE o.id = ANY (ARRAY(SELECT id FROM heads))
      AND (o.state = 'waiting' OR (o.state IN ('claimed', 'sent') AND o.lease_until < %(now)s))
      AND o.not_before <= %(now)s AND o.next_at <= %(now)s
    ORDER BY (o.kind = 'alert') DESC, (o.attempts = 0) DESC, o.next_at, o.id
    LIMIT %(limit)s FOR UPDATE SKIP LOCKED)
RETURNING *

-- confirm_outbox --
UPDATE outbox SET state = 'confirmed', lease_until = NULL, last_error = NULL WHERE id = %(id)s

-- retry_outbox --
UPDATE outbox SET state = 'waiting', lease_until = NULL, next_at = %(next_at)s, last_error = %(error)s
WHERE id = %(id)s AND state = 'claimed' AND attempts = %(attempts)s

-- hurry_outbox --
-- A destination answers again: what waits for its next attempt need not wait longer.
UPDATE outbox SET next_at = %(now)s
WHERE destination = %(destination)s AND state = 'waiting' AND attempts > 0 AND next_at > %(now)s

-- bury_outbox --
UPDATE outbox SET state = 'dead', lease_until = NULL, last_error = %(error)s
WHERE id = %(id)s AND state <> 'confirmed'

-- replay_outbox --
UPDATE outbox SET state = 'waiting', attempts = 0, next_at = %(now)s WHERE id = %(id)s AND state = 'dead'
RETURNING id

-- dead_outbox --
SELECT id, incident_id, destination, kind, identifier, attempts, last_error, created_at FROM outbox
WHERE state = 'dead' ORDER BY id LIMIT 1000

-- earlier_messages --
SELECT identifier, created_at FROM outbox
WHERE destination = %(destination)s AND incident_id = %(incident_id)s AND id < %(id)s AND state = 'confirmed'
ORDER BY id

-- outbox_state --
-- What should have left and has not, and what was given up. A pending incident's rows are not due yet.
SELECT destination, state, count(*) AS n, min(GREATEST(created_at, not_before)) AS oldest FROM outbox
WHERE state = 'dead' OR (state IN ('waiting', 'claimed', 'sent') AND not_before <= %(now)s)
GROUP BY destination, state ORDER BY destination, state
