-- name: subscriber_failed
UPDATE subscribers SET failing_since = COALESCE(failing_since, :now), last_failure_at = :now, last_error = :error
 WHERE id = :id
RETURNING failing_since, misses, open_until;

-- name: subscriber_missed
UPDATE subscribers SET misses = :misses, open_until = :open_until WHERE id = :id;

-- name: nothing_left_to_try
-- Days without a single attempt are no days of failure.
UPDATE subscribers SET failing_since = NULL, misses = 0, open_until = 0
 WHERE id = :id
   AND NOT EXISTS (SELECT 1 FROM deliveries WHERE deliveries.subscriber_id = :id AND deliveries.attempt_at IS NOT NULL);

-- name: insert_delivery
INSERT INTO deliveries (
    id, event_id, position, generation_id, subscriber_id, url, created_at, attempt_count, attempt_at, in_flight_until,
    redelivered, event_type
) VALUES (
    :id, :event_id, :position, :generation_id, :subscriber_id, :url, :created_at, 0, :created_at, 0, :redelivered, :event_type
);

-- name: lock_subscribers_in_need
-- A statement of its own: PostgreSQL counts in the snapshot of before the lock, so what is on its way is counted after it.
SELECT id FROM subscribers
 WHERE disabled_at IS NULL AND paused_at IS NULL
   AND EXISTS (SELECT 1 FROM deliveries
                WHERE deliveries.subscriber_id = subscribers.id AND deliveries.attempt_at <= :now)
 ORDER BY id
 /* pg: FOR UPDATE */;

-- name: subscribers_in_need
-- Every subscriber with something due, what it may still take, and how much of it is on its way. The counts cost what they
-- count, however much waits: no more than can be claimed now is counted, and what is on its way has an index of its own.
SELECT subscribers.id, subscribers.max_in_flight, subscribers.rate_per_s, subscribers.spent_until,
       subscribers.failing_since, subscribers.misses, subscribers.open_until,
       (SELECT COUNT(*) FROM (
            SELECT 1 FROM deliveries AS waiting
             WHERE waiting.subscriber_id = subscribers.id AND waiting.attempt_at <= :now
             LIMIT :limit) AS counted) AS due,
       (SELECT COUNT(*) FROM deliveries AS busy
         WHERE busy.subscriber_id = subscribers.id AND busy.in_flight_until > 0 AND busy.in_flight_until > :now) AS in_flight
  FROM subscribers
 WHERE disabled_at IS NULL AND paused_at IS NULL
   AND EXISTS (SELECT 1 FROM deliveries
                WHERE deliveries.subscriber_id = subscribers.id AND deliveries.attempt_at <= :now)
 ORDER BY subscribers.id;

-- name: claim_deliveries
-- Order is kept per generation: a delivery waits while an earlier one to the same subscriber is still open.
WITH due AS (
    SELECT id FROM deliveries AS due
     WHERE subscriber_id = :subscriber_id AND attempt_at <= :now
       AND NOT EXISTS (
            SELECT 1 FROM deliveries AS earlier
             WHERE earlier.generation_id = due.generation_id
               AND earlier.subscriber_id = due.subscriber_id
               AND earlier.position < due.position
               AND earlier.attempt_at IS NOT NULL)
     ORDER BY attempt_at, position
     LIMIT :limit
     /* pg: FOR UPDATE SKIP LOCKED */
)
UPDATE deliveries SET attempt_at = :lease_until, in_flight_until = :lease_until, attempt_count = attempt_count + 1
 WHERE id IN (SELECT id FROM due)
RETURNING *;

-- name: subscriber_spent
UPDATE subscribers SET spent_until = :spent_until WHERE id = :id;

-- name: event_bodies
SELECT id, body FROM events
 WHERE id IN (
    /* sqlite: SELECT value FROM json_each(:ids) */
    /* pg: SELECT jsonb_array_elements_text(CAST(:ids AS JSONB)) */
 );

-- name: signing_subscribers
SELECT id, secret, kind, disabled_at, previous_secret, previous_until, private_key, previous_private_key FROM subscribers
 WHERE id IN (
    /* sqlite: SELECT value FROM json_each(:ids) */
    /* pg: SELECT jsonb_array_elements_text(CAST(:ids AS JSONB)) */
 );

-- name: insert_attempt
INSERT INTO attempts (delivery_id, number, at, duration_s, http_status, error, answer)
VALUES (:delivery_id, :number, :at, :duration_s, :http_status, :error, :answer)
ON CONFLICT (delivery_id, number) DO NOTHING;

-- name: delivery_ended
-- Guarded by the claim: an attempt that outlived its lease does not speak for the next one.
UPDATE deliveries SET
    attempt_at = :attempt_at, in_flight_until = 0, delivered_at = :delivered_at, given_up_at = :given_up_at
 WHERE id = :id AND attempt_count = :attempt_count AND delivered_at IS NULL AND given_up_at IS NULL;

-- name: deliveries_of
SELECT * FROM deliveries WHERE generation_id = :generation_id ORDER BY position, id;

-- name: delivery_by_id
SELECT * FROM deliveries WHERE id = :id;

-- name: list_deliveries
SELECT * FROM deliveries
 WHERE subscriber_id = :subscriber_id
   AND id < :before
   AND COALESCE(:standing, '') IN ('', CASE WHEN delivered_at IS NOT NULL THEN 'delivered'
                                            WHEN given_up_at IS NOT NULL THEN 'given_up'
                                            ELSE 'waiting' END)
 ORDER BY id DESC
 LIMIT :limit;

-- name: attempts_at
SELECT * FROM attempts WHERE delivery_id = :delivery_id ORDER BY number DESC LIMIT :limit;

-- name: claim_delivery
UPDATE deliveries SET
    attempt_at = :lease_until, in_flight_until = :lease_until, attempt_count = attempt_count + 1, given_up_at = NULL
 WHERE id = :id AND delivered_at IS NULL AND in_flight_until <= :now
RETURNING *;

-- name: first_open
SELECT id FROM deliveries
 WHERE generation_id = :generation_id AND subscriber_id = :subscriber_id AND position < :position AND attempt_at IS NOT NULL
 ORDER BY position
 LIMIT 1;

-- name: waiting_of (long)
SELECT COUNT(*) AS waiting FROM deliveries WHERE subscriber_id = :subscriber_id AND attempt_at IS NOT NULL;

-- name: make_due (long)
UPDATE deliveries SET attempt_at = :now
 WHERE subscriber_id = :subscriber_id AND attempt_at > :now AND in_flight_until <= :now;

-- name: move_deliveries (long)
UPDATE deliveries SET url = :url WHERE subscriber_id = :subscriber_id AND attempt_at IS NOT NULL;

-- name: reached
SELECT 1 AS found FROM deliveries
 WHERE event_id = :event_id AND subscriber_id = :subscriber_id
   AND (delivered_at IS NOT NULL OR attempt_at IS NOT NULL)
 LIMIT 1;

-- name: attempts_of
SELECT attempts.* FROM attempts JOIN deliveries ON deliveries.id = attempts.delivery_id
 WHERE deliveries.generation_id = :generation_id
 ORDER BY attempts.at, attempts.number;
