-- name: insert_subscriber
INSERT INTO subscribers (
    id, kind, url, secret, event_types, filter, description, max_in_flight, rate_per_s, spent_until, created_at
) VALUES (
    :id, :kind, :url, :secret, :event_types, :filter, :description, :max_in_flight, :rate_per_s, 0, :created_at
);

-- name: insert_callback_subscriber
INSERT INTO subscribers (id, kind, url, secret, max_in_flight, spent_until, created_at)
VALUES (:id, 'callback', :url, :secret, :max_in_flight, 0, :created_at)
ON CONFLICT (url) WHERE kind = 'callback' DO NOTHING;

-- name: callback_subscriber
SELECT * FROM subscribers WHERE kind = 'callback' AND url = :url;

-- name: subscriber_by_id
SELECT * FROM subscribers WHERE id = :id AND kind = 'registered';

-- name: list_subscribers
SELECT * FROM subscribers WHERE kind = 'registered' AND id < :before ORDER BY id DESC LIMIT :limit;

-- name: active_subscribers
SELECT * FROM subscribers WHERE kind = 'registered' AND disabled_at IS NULL ORDER BY id /* pg: FOR SHARE */;

-- name: delete_subscriber
DELETE FROM subscribers WHERE id = :id AND kind = 'registered' RETURNING id;

-- name: give_up_deliveries_of
UPDATE deliveries SET given_up_at = :now, attempt_at = NULL
 WHERE subscriber_id = :subscriber_id AND attempt_at IS NOT NULL;

-- name: disable_subscriber
UPDATE subscribers SET disabled_at = :now, disabled_because = :because
 WHERE id = :id AND disabled_at IS NULL
RETURNING id;

-- name: subscriber_answered
UPDATE subscribers SET failing_since = NULL WHERE id = :id AND failing_since IS NOT NULL RETURNING failing_since;

-- name: subscriber_failed
UPDATE subscribers SET failing_since = COALESCE(failing_since, :now) WHERE id = :id RETURNING failing_since;

-- name: nothing_left_to_try
-- Days without a single attempt are no days of failure.
UPDATE subscribers SET failing_since = NULL
 WHERE id = :id
   AND NOT EXISTS (SELECT 1 FROM deliveries WHERE deliveries.subscriber_id = :id AND deliveries.attempt_at IS NOT NULL);

-- name: insert_delivery
INSERT INTO deliveries (
    id, event_id, position, generation_id, subscriber_id, url, created_at, attempts, attempt_at, in_flight_until
) VALUES (
    :id, :event_id, :position, :generation_id, :subscriber_id, :url, :created_at, 0, :created_at, 0
);

-- name: lock_subscribers_in_need
-- A statement of its own: PostgreSQL counts in the snapshot of before the lock, so what is on its way is counted after it.
SELECT id FROM subscribers
 WHERE disabled_at IS NULL
   AND EXISTS (SELECT 1 FROM deliveries
                WHERE deliveries.subscriber_id = subscribers.id AND deliveries.attempt_at <= :now)
 ORDER BY id
 /* pg: FOR UPDATE */;

-- name: subscribers_in_need
-- Every subscriber with something due, what it may still take, and how much of it is on its way.
SELECT subscribers.id, subscribers.max_in_flight, subscribers.rate_per_s, subscribers.spent_until,
       subscribers.failing_since,
       (SELECT COUNT(*) FROM deliveries AS waiting
         WHERE waiting.subscriber_id = subscribers.id AND waiting.attempt_at <= :now) AS due,
       (SELECT COUNT(*) FROM deliveries AS busy
         WHERE busy.subscriber_id = subscribers.id AND busy.attempt_at IS NOT NULL AND busy.in_flight_until > :now) AS in_flight
  FROM subscribers
 WHERE disabled_at IS NULL
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
UPDATE deliveries SET attempt_at = :lease_until, in_flight_until = :lease_until, attempts = attempts + 1
 WHERE id IN (SELECT id FROM due)
RETURNING *;

-- name: subscriber_spent
UPDATE subscribers SET spent_until = :spent_until WHERE id = :id;

-- name: delivery_context
SELECT events.body, events.type, subscribers.secret, subscribers.kind, subscribers.disabled_at
  FROM events, subscribers
 WHERE events.id = :event_id AND subscribers.id = :subscriber_id;

-- name: insert_attempt
INSERT INTO attempts (delivery_id, number, at, duration_s, http_status, error, answer)
VALUES (:delivery_id, :number, :at, :duration_s, :http_status, :error, :answer)
ON CONFLICT (delivery_id, number) DO NOTHING;

-- name: delivery_ended
-- Guarded by the claim: an attempt that outlived its lease does not speak for the next one.
UPDATE deliveries SET
    attempt_at = :attempt_at, in_flight_until = 0, delivered_at = :delivered_at, given_up_at = :given_up_at
 WHERE id = :id AND attempts = :attempts AND delivered_at IS NULL AND given_up_at IS NULL
RETURNING id;

-- name: deliveries_of
SELECT * FROM deliveries WHERE generation_id = :generation_id ORDER BY position, id;

-- name: attempts_of
SELECT attempts.* FROM attempts JOIN deliveries ON deliveries.id = attempts.delivery_id
 WHERE deliveries.generation_id = :generation_id
 ORDER BY attempts.at, attempts.number;
