-- name: subscriber_answered
UPDATE subscribers SET failing_since = NULL, misses = 0, open_until = 0, last_success_at = :now
 WHERE id = :id
   AND (failing_since IS NOT NULL OR last_success_at IS NULL OR last_success_at < :noted_before OR last_success_at > :now)
RETURNING id;

-- name: health_of
-- What waits is counted in the order of its index, and no more of it than matters; so are the newest.
SELECT subscribers.id, subscribers.failing_since, subscribers.last_success_at, subscribers.last_failure_at, subscribers.last_error,
       (SELECT COUNT(*) FROM (
            SELECT 1 FROM deliveries AS waiting
             WHERE waiting.subscriber_id = subscribers.id AND waiting.attempt_at IS NOT NULL
             LIMIT :max_counted) AS counted) AS backlog,
       (SELECT MIN(first.created_at) FROM (
            SELECT waiting.created_at FROM deliveries AS waiting
             WHERE waiting.subscriber_id = subscribers.id AND waiting.attempt_at IS NOT NULL
             LIMIT :max_counted) AS first) AS oldest_waiting_at,
       (SELECT COUNT(newest.delivered_at) FROM (
            SELECT latest.delivered_at FROM deliveries AS latest
             WHERE latest.subscriber_id = subscribers.id
             ORDER BY latest.id DESC
             LIMIT :newest) AS newest) AS delivered,
       (SELECT COUNT(*) FROM (
            SELECT latest.attempt_count FROM deliveries AS latest
             WHERE latest.subscriber_id = subscribers.id
             ORDER BY latest.id DESC
             LIMIT :newest) AS newest
         WHERE newest.attempt_count > 0) AS attempted
  FROM subscribers
 WHERE subscribers.id IN (
    /* sqlite: SELECT value FROM json_each(:ids) */
    /* pg: SELECT jsonb_array_elements_text(CAST(:ids AS JSONB)) */
 );
