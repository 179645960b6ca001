-- name: take_positions
-- The row stays locked until the commit, so positions become visible in their own order on either database.
UPDATE counters SET value = value + :count WHERE name = 'events' RETURNING value;

-- name: insert_event
INSERT INTO events (id, position, type, generation_id, at, body)
VALUES (:id, :position, :type, :generation_id, :at, :body);

-- name: event_by_id
SELECT * FROM events WHERE id = :id;

-- name: list_events
-- A type may be a family: `generation.` is the beginning of all of its own. A ping is about no generation.
SELECT events.position, 500 + /* sqlite: LENGTH */ /* pg: OCTET_LENGTH */ (events.body) AS size
  FROM events LEFT JOIN generations ON generations.id = events.generation_id
 WHERE events.position > :after AND events.position <= :through
   /* if type: AND events.type = :type */
   /* if family: AND SUBSTR(events.type, 1, LENGTH(:family)) = :family */
   /* if generation_id: AND events.generation_id = :generation_id */
   AND COALESCE(:provider, COALESCE(generations.provider, '')) = COALESCE(generations.provider, '')
   AND COALESCE(:model, COALESCE(generations.model, '')) = COALESCE(generations.model, '')
   AND events.at >= :since
   AND events.at < :until
 ORDER BY events.position
 LIMIT :limit;

-- name: list_newest_events
-- The same from the newest back, as far as `after`.
SELECT events.position, 500 + /* sqlite: LENGTH */ /* pg: OCTET_LENGTH */ (events.body) AS size
  FROM events LEFT JOIN generations ON generations.id = events.generation_id
 WHERE events.position > :after AND events.position <= :through
   /* if type: AND events.type = :type */
   /* if family: AND SUBSTR(events.type, 1, LENGTH(:family)) = :family */
   /* if generation_id: AND events.generation_id = :generation_id */
   AND COALESCE(:provider, COALESCE(generations.provider, '')) = COALESCE(generations.provider, '')
   AND COALESCE(:model, COALESCE(generations.model, '')) = COALESCE(generations.model, '')
   AND events.at >= :since
   AND events.at < :until
 ORDER BY events.position DESC
 LIMIT :limit;

-- name: events_listed
SELECT * FROM events
 WHERE position IN (
    /* sqlite: SELECT value FROM json_each(:keys) */
    /* pg: SELECT CAST(jsonb_array_elements_text(CAST(:keys AS JSONB)) AS INT8) */
 );

-- name: count_events (long)
SELECT COUNT(*) AS counted FROM events LEFT JOIN generations ON generations.id = events.generation_id
 WHERE COALESCE(:generation_id, events.generation_id) = events.generation_id
   AND COALESCE(:provider, COALESCE(generations.provider, '')) = COALESCE(generations.provider, '')
   AND COALESCE(:model, COALESCE(generations.model, '')) = COALESCE(generations.model, '')
   /* if type: AND events.type = :type */
   /* if family: AND SUBSTR(events.type, 1, LENGTH(:family)) = :family */
   AND events.at >= :since
   AND events.at < :until;

-- name: newest_cursor
SELECT counters.value AS position, epochs.epoch AS epoch FROM counters, epochs WHERE counters.name = 'events';

-- name: begin_epoch
UPDATE epochs SET epoch = :epoch, begun_at = :now;

-- name: position_of
SELECT position FROM events WHERE id = :id;

-- name: events_of
SELECT * FROM events WHERE generation_id = :generation_id ORDER BY position;
