-- name: insert_subscriber
INSERT INTO subscribers (
    id, kind, url, secret, event_types, filter, description, max_in_flight, rate_per_s, private_key, spent_until,
    created_at
) VALUES (
    :id, :kind, :url, :secret, :event_types, :filter, :description, :max_in_flight, :rate_per_s, :private_key, 0,
    :created_at
);

-- name: update_subscriber
UPDATE subscribers SET
    url = :url, secret = :secret, previous_secret = :previous_secret, previous_until = :previous_until,
    private_key = :private_key, previous_private_key = :previous_private_key, event_types = :event_types, filter = :filter, description = :description,
    max_in_flight = :max_in_flight, rate_per_s = :rate_per_s, paused_at = :paused_at, disabled_at = :disabled_at,
    disabled_reason = :disabled_reason
 WHERE id = :id AND kind = 'registered'
RETURNING id;

-- name: insert_callback_subscriber
INSERT INTO subscribers (id, kind, url, secret, max_in_flight, spent_until, created_at)
VALUES (:id, 'callback', :url, :secret, :max_in_flight, 0, :created_at)
ON CONFLICT (url) WHERE kind = 'callback' DO NOTHING;

-- name: callback_subscriber
SELECT * FROM subscribers WHERE kind = 'callback' AND url = :url;

-- name: subscriber_by_id
SELECT * FROM subscribers WHERE id = :id AND kind = 'registered';

-- name: list_subscribers
SELECT id, 10000 + COALESCE(/* sqlite: LENGTH */ /* pg: OCTET_LENGTH */ (filter), 0)
       + COALESCE(/* sqlite: LENGTH */ /* pg: OCTET_LENGTH */ (event_types), 0) AS size
  FROM subscribers
 WHERE kind = 'registered' AND id < :before
 ORDER BY id DESC
 LIMIT :limit;

-- name: subscribers_listed
SELECT * FROM subscribers
 WHERE id IN (
    /* sqlite: SELECT value FROM json_each(:keys) */
    /* pg: SELECT jsonb_array_elements_text(CAST(:keys AS JSONB)) */
 );

-- name: active_subscribers
SELECT * FROM subscribers WHERE kind = 'registered' AND disabled_at IS NULL ORDER BY id /* pg: FOR SHARE */;

-- name: delete_subscriber
DELETE FROM subscribers WHERE id = :id AND kind = 'registered' RETURNING id;

-- name: give_up_deliveries_of (long)
UPDATE deliveries SET given_up_at = :now, attempt_at = NULL
 WHERE subscriber_id = :subscriber_id AND attempt_at IS NOT NULL;

-- name: disable_subscriber
UPDATE subscribers SET disabled_at = :now, disabled_reason = :reason
 WHERE id = :id AND disabled_at IS NULL
RETURNING id;

-- name: forgive_subscriber
UPDATE subscribers SET failing_since = NULL, misses = 0, open_until = 0
 WHERE id = :id AND failing_since IS NOT NULL
RETURNING id;
