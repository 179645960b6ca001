-- name: last_pruned
SELECT value FROM counters WHERE name = 'pruned_at';

-- name: begin_to_prune
-- A fresh database has nothing to forget: the first hour only begins.
INSERT INTO counters (name, value) VALUES ('pruned_at', :now) ON CONFLICT (name) DO NOTHING;

-- name: claim_pruning
UPDATE counters SET value = :now WHERE name = 'pruned_at' AND value <= :until RETURNING value;

-- name: webhooks (long)
-- Here and below, ids are made from the clock, so that the primary key bounds what is looked at; and nothing is forgotten of a
-- generation that is under way. One that expired is not: nobody waits for it any more.
WITH old AS (
    SELECT id FROM webhooks
     WHERE id < :before AND received_at < :until AND read_at IS NOT NULL AND quarantined_at IS NULL
       AND NOT EXISTS (
            SELECT 1 FROM generations
             WHERE generations.id = webhooks.generation_id
               AND generations.closed_at IS NULL AND generations.status <> 'expired')
     ORDER BY id
     LIMIT :limit
     /* pg: FOR UPDATE SKIP LOCKED */
)
DELETE FROM webhooks WHERE id IN (SELECT id FROM old)
RETURNING provider, repeats;

-- name: quarantined (long)
WITH old AS (
    SELECT id FROM webhooks
     WHERE quarantined_at < :until
     ORDER BY quarantined_at, id
     LIMIT :limit
     /* pg: FOR UPDATE SKIP LOCKED */
)
DELETE FROM webhooks WHERE id IN (SELECT id FROM old)
RETURNING id;

-- name: observations (long)
WITH old AS (
    SELECT id FROM observations
     WHERE id < :before AND at < :until
       AND NOT EXISTS (
            SELECT 1 FROM generations
             WHERE generations.id = observations.generation_id
               AND generations.closed_at IS NULL AND generations.status <> 'expired')
     ORDER BY id
     LIMIT :limit
     /* pg: FOR UPDATE SKIP LOCKED */
)
DELETE FROM observations WHERE id IN (SELECT id FROM old)
RETURNING id;

-- name: calls (long)
WITH old AS (
    SELECT id FROM calls
     WHERE id < :before AND last_at < :until
       AND NOT EXISTS (
            SELECT 1 FROM generations
             WHERE generations.id = calls.generation_id
               AND generations.closed_at IS NULL AND generations.status <> 'expired')
     ORDER BY id
     LIMIT :limit
     /* pg: FOR UPDATE SKIP LOCKED */
)
DELETE FROM calls WHERE id IN (SELECT id FROM old)
RETURNING id;

-- name: calls_of (long)
WITH old AS (
    SELECT id FROM calls
     WHERE generation_id IN (
            /* sqlite: SELECT value FROM json_each(:ids) */
            /* pg: SELECT jsonb_array_elements_text(CAST(:ids AS JSONB)) */)
     ORDER BY id
     LIMIT :limit
     /* pg: FOR UPDATE SKIP LOCKED */
)
DELETE FROM calls WHERE id IN (SELECT id FROM old)
RETURNING id;

-- name: old_events (long)
SELECT id FROM events
 WHERE id > :behind AND id < :before AND at < :until
   AND NOT EXISTS (
        SELECT 1 FROM generations
         WHERE generations.id = events.generation_id
           AND generations.closed_at IS NULL AND generations.status <> 'expired')
   AND NOT EXISTS (SELECT 1 FROM deliveries WHERE deliveries.event_id = events.id AND deliveries.attempt_at IS NOT NULL)
 ORDER BY id
 LIMIT :limit;

-- name: attempts (long)
WITH old AS (
    SELECT attempts.delivery_id, attempts.number
      FROM deliveries JOIN attempts ON attempts.delivery_id = deliveries.id
     WHERE deliveries.event_id IN (
            /* sqlite: SELECT value FROM json_each(:ids) */
            /* pg: SELECT jsonb_array_elements_text(CAST(:ids AS JSONB)) */)
       AND deliveries.attempt_at IS NULL
     ORDER BY attempts.delivery_id, attempts.number
     LIMIT :limit
     /* pg: FOR UPDATE SKIP LOCKED */
)
DELETE FROM attempts WHERE (delivery_id, number) IN (SELECT delivery_id, number FROM old)
RETURNING http_status, error;

-- name: deliveries (long)
WITH old AS (
    SELECT id FROM deliveries
     WHERE event_id IN (
            /* sqlite: SELECT value FROM json_each(:ids) */
            /* pg: SELECT jsonb_array_elements_text(CAST(:ids AS JSONB)) */)
       AND attempt_at IS NULL
     ORDER BY id
     LIMIT :limit
     /* pg: FOR UPDATE SKIP LOCKED */
)
DELETE FROM deliveries WHERE id IN (SELECT id FROM old)
RETURNING id;

-- name: events (long)
-- Not one that was sent again meanwhile.
WITH old AS (
    SELECT id FROM events
     WHERE id IN (
            /* sqlite: SELECT value FROM json_each(:ids) */
            /* pg: SELECT jsonb_array_elements_text(CAST(:ids AS JSONB)) */)
       AND NOT EXISTS (SELECT 1 FROM deliveries WHERE deliveries.event_id = events.id)
     ORDER BY id
     LIMIT :limit
     /* pg: FOR UPDATE SKIP LOCKED */
)
DELETE FROM events WHERE id IN (SELECT id FROM old)
RETURNING id;

-- name: idempotency_keys (long)
-- A key outlives its order while any part of that is open: sent again, it must not be paid for twice.
WITH old AS (
    SELECT owner, idempotency_key FROM idempotency_keys
     WHERE created_at < :until
       AND NOT EXISTS (
            SELECT 1 FROM generations
             WHERE generations.id = idempotency_keys.generation_id
               AND generations.closed_at IS NULL AND generations.status <> 'expired')
       AND NOT EXISTS (
            SELECT 1 FROM generations AS first JOIN generations AS other ON other.bulk_id = first.bulk_id
             WHERE first.id = idempotency_keys.generation_id
               AND other.closed_at IS NULL AND other.status <> 'expired')
     ORDER BY created_at, owner, idempotency_key
     LIMIT :limit
     /* pg: FOR UPDATE SKIP LOCKED */
)
DELETE FROM idempotency_keys WHERE (owner, idempotency_key) IN (SELECT owner, idempotency_key FROM old)
RETURNING generation_id;

-- name: old_generations (long)
-- Closed, beyond its deadline, named by no idempotency key, with nothing left to read or to deliver; and what was ordered
-- together goes together, because a bulk order's answer is read by the places of all its members.
SELECT generations.id FROM generations LEFT JOIN idempotency_keys ON idempotency_keys.generation_id = generations.id
 WHERE generations.id > :behind AND generations.id < :before
   AND generations.closed_at < :until AND generations.deadline_at < :now
   AND idempotency_keys.generation_id IS NULL
   AND NOT EXISTS (SELECT 1 FROM webhooks
                    WHERE webhooks.generation_id = generations.id
                      AND webhooks.read_at IS NULL AND webhooks.quarantined_at IS NULL)
   AND NOT EXISTS (SELECT 1 FROM deliveries
                    WHERE deliveries.generation_id = generations.id AND deliveries.attempt_at IS NOT NULL)
   AND NOT EXISTS (
        SELECT 1 FROM generations AS other
         WHERE other.bulk_id = generations.bulk_id
           AND (other.closed_at IS NULL OR other.closed_at >= :until OR other.deadline_at >= :now
                OR other.id IN (SELECT generation_id FROM idempotency_keys)))
 ORDER BY generations.id
 LIMIT :limit;

-- name: observations_of (long)
WITH old AS (
    SELECT id FROM observations
     WHERE generation_id IN (
            /* sqlite: SELECT value FROM json_each(:ids) */
            /* pg: SELECT jsonb_array_elements_text(CAST(:ids AS JSONB)) */)
     ORDER BY id
     LIMIT :limit
     /* pg: FOR UPDATE SKIP LOCKED */
)
DELETE FROM observations WHERE id IN (SELECT id FROM old)
RETURNING id;

-- name: kept_outputs (long)
WITH old AS (
    SELECT generation_id, number FROM kept_outputs
     WHERE generation_id IN (
            /* sqlite: SELECT value FROM json_each(:ids) */
            /* pg: SELECT jsonb_array_elements_text(CAST(:ids AS JSONB)) */)
     ORDER BY generation_id, number
     LIMIT :limit
     /* pg: FOR UPDATE SKIP LOCKED */
)
DELETE FROM kept_outputs WHERE (generation_id, number) IN (SELECT generation_id, number FROM old)
RETURNING generation_id;

-- name: metadata (long)
WITH old AS (
    SELECT key, value, generation_id FROM generation_metadata
     WHERE generation_id IN (
            /* sqlite: SELECT value FROM json_each(:ids) */
            /* pg: SELECT jsonb_array_elements_text(CAST(:ids AS JSONB)) */)
     ORDER BY generation_id, key, value
     LIMIT :limit
     /* pg: FOR UPDATE SKIP LOCKED */
)
DELETE FROM generation_metadata WHERE (key, value, generation_id) IN (SELECT key, value, generation_id FROM old)
RETURNING generation_id;

-- name: orders (long)
WITH old AS (
    SELECT generation_id FROM orders
     WHERE generation_id IN (
            /* sqlite: SELECT value FROM json_each(:ids) */
            /* pg: SELECT jsonb_array_elements_text(CAST(:ids AS JSONB)) */)
     ORDER BY generation_id
     LIMIT :limit
     /* pg: FOR UPDATE SKIP LOCKED */
)
DELETE FROM orders WHERE generation_id IN (SELECT generation_id FROM old)
RETURNING generation_id;

-- name: generations (long)
WITH old AS (
    SELECT id FROM generations
     WHERE id IN (
            /* sqlite: SELECT value FROM json_each(:ids) */
            /* pg: SELECT jsonb_array_elements_text(CAST(:ids AS JSONB)) */)
       AND closed_at IS NOT NULL
     ORDER BY id
     LIMIT :limit
     /* pg: FOR UPDATE SKIP LOCKED */
)
DELETE FROM generations WHERE id IN (SELECT id FROM old)
RETURNING provider, learned_from, webhook_expected, polls;
