-- name: last_call
SELECT id, kind, request, http_status, outcome, reason, failure, body FROM calls
 WHERE generation_id = :generation_id
 ORDER BY at DESC, id DESC
 LIMIT 1;

-- name: insert_call
INSERT INTO calls (id, generation_id, at, last_at, kind, request, http_status, outcome, reason, failure, size, body)
VALUES (:id, :generation_id, :at, :at, :kind, :request, :http_status, :outcome, :reason, :failure, :size, :body);

-- name: repeat_call
UPDATE calls SET repeats = repeats + 1, last_at = :at WHERE id = :id;

-- name: trim_calls
-- The latest stay: they tell how it stands. SQLite knows no OFFSET without a LIMIT.
DELETE FROM calls
 WHERE id IN (
    SELECT id FROM calls WHERE generation_id = :generation_id ORDER BY at DESC, id DESC LIMIT :limit OFFSET :keep
 );

-- name: last_refusals
SELECT generation_id, outcome, reason, failure, http_status FROM calls
 WHERE generation_id IN (
    /* sqlite: SELECT value FROM json_each(:ids) */
    /* pg: SELECT jsonb_array_elements_text(CAST(:ids AS JSONB)) */
 )
   AND kind = 'poll'
 ORDER BY generation_id, at, id;
