-- name: take_positions
-- The row stays locked until the commit, so positions become visible in their own order on either database.
UPDATE counters SET counted = counted + :count WHERE name = 'events' RETURNING counted;

-- name: insert_event
INSERT INTO events (id, position, type, generation_id, at, body)
VALUES (:id, :position, :type, :generation_id, :at, :body);

-- name: event_by_id
SELECT * FROM events WHERE id = :id;

-- name: list_events
SELECT * FROM events
 WHERE position > :after
   AND COALESCE(:type, type) = type
   AND COALESCE(:generation_id, generation_id) = generation_id
 ORDER BY position
 LIMIT :limit;

-- name: events_of
SELECT * FROM events WHERE generation_id = :generation_id ORDER BY position;
