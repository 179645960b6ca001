-- name: places
-- By the indexes of the generation. What can be long is measured; the rest of a row is small change.
SELECT * FROM (
    SELECT received_at AS at, 0 AS kind, 0 AS number, id, 1000 AS size
      FROM webhooks WHERE generation_id = :generation_id
    UNION ALL
    SELECT at, 1, 0, id, 1000 + /* sqlite: LENGTH */ /* pg: OCTET_LENGTH */ (reading)
      FROM observations WHERE generation_id = :generation_id
    UNION ALL
    SELECT at, 2, position, id, 1000 FROM events WHERE generation_id = :generation_id
    UNION ALL
    SELECT created_at, 3, position, id, 1000 + LENGTH(url) FROM deliveries WHERE generation_id = :generation_id
    UNION ALL
    SELECT attempts.at, 4, attempts.number, attempts.delivery_id, 1000 + COALESCE(LENGTH(attempts.answer), 0)
      FROM deliveries JOIN attempts ON attempts.delivery_id = deliveries.id
     WHERE deliveries.generation_id = :generation_id
    UNION ALL
    SELECT at, CASE kind WHEN 'poll' THEN 5 WHEN 'submission' THEN 6 ELSE 7 END, 0, id, 3000 + COALESCE(LENGTH(failure), 0)
      FROM calls WHERE generation_id = :generation_id
) AS happened
 WHERE (at, kind, number, id) > (:at, :kind, :number, :id)
 ORDER BY at, kind, number, id
 LIMIT :limit;

-- name: observations
SELECT * FROM observations
 WHERE id IN (
    /* sqlite: SELECT value FROM json_each(:ids) */
    /* pg: SELECT jsonb_array_elements_text(CAST(:ids AS JSONB)) */
 );

-- name: calls
SELECT * FROM calls
 WHERE id IN (
    /* sqlite: SELECT value FROM json_each(:ids) */
    /* pg: SELECT jsonb_array_elements_text(CAST(:ids AS JSONB)) */
 );

-- name: events
SELECT id, type FROM events
 WHERE id IN (
    /* sqlite: SELECT value FROM json_each(:ids) */
    /* pg: SELECT jsonb_array_elements_text(CAST(:ids AS JSONB)) */
 );

-- name: deliveries
SELECT * FROM deliveries
 WHERE id IN (
    /* sqlite: SELECT value FROM json_each(:ids) */
    /* pg: SELECT jsonb_array_elements_text(CAST(:ids AS JSONB)) */
 );

-- name: attempts
SELECT * FROM attempts
 WHERE number >= :first AND number <= :last
   AND delivery_id IN (
    /* sqlite: SELECT value FROM json_each(:ids) */
    /* pg: SELECT jsonb_array_elements_text(CAST(:ids AS JSONB)) */
 );
