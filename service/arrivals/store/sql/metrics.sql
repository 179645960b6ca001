-- name: generations
SELECT provider, status, learned_from, webhook_expected, COUNT(*) AS counted, SUM(polls) AS polls,
       SUM(poll_misses) AS misses, SUM(CASE WHEN failure_code = 'submission_unknown' THEN 1 ELSE 0 END) AS unknown
  FROM generations
 GROUP BY provider, status, learned_from, webhook_expected;

-- name: webhooks
-- By columns that an index can hold: the bytes of a webhook stand between them, and are not read for counting.
SELECT provider, finding, COUNT(*) AS counted, MIN(received_at) AS first_at, MAX(received_at) AS last_at FROM webhooks
 WHERE read_at IS NOT NULL AND quarantined_at IS NULL
 GROUP BY provider, finding
UNION ALL
SELECT provider, NULL, COUNT(*), MIN(received_at), MAX(received_at) FROM webhooks
 WHERE read_at IS NULL AND quarantined_at IS NULL
 GROUP BY provider;

-- name: repeats
SELECT provider, SUM(repeats) AS counted FROM webhooks
 WHERE repeats > 0
 GROUP BY provider;

-- name: quarantined
SELECT provider, COUNT(*) AS counted FROM webhooks
 WHERE quarantined_at IS NOT NULL
 GROUP BY provider;

-- name: unreadable
SELECT provider, finding, COUNT(*) AS counted FROM webhooks
 WHERE unreadable_reason IS NOT NULL
 GROUP BY provider, finding;

-- name: queues
-- What a paused subscriber does not take waits, and is not due.
SELECT (SELECT COUNT(*) FROM generations WHERE submit_at <= :now) AS submit,
       (SELECT COUNT(*) FROM webhooks WHERE read_at IS NULL AND quarantined_at IS NULL) AS read,
       (SELECT COUNT(*) FROM generations WHERE poll_at <= :now) AS poll,
       (SELECT COUNT(*) FROM generations WHERE timeout_at <= :now) AS expire,
       (SELECT COUNT(*) FROM subscribers JOIN deliveries ON deliveries.subscriber_id = subscribers.id
         WHERE subscribers.paused_at IS NULL AND deliveries.attempt_at <= :now) AS deliver;

-- name: deliveries
-- What neither waits nor was given up was delivered: so only what is rare needs an index of its own.
SELECT (SELECT COUNT(*) FROM deliveries) AS of_all,
       (SELECT COUNT(*) FROM deliveries WHERE attempt_at IS NOT NULL) AS waiting,
       (SELECT COUNT(*) FROM deliveries WHERE given_up_at IS NOT NULL) AS given_up;

-- name: answered_attempts
SELECT http_status, COUNT(*) AS counted FROM attempts
 WHERE http_status IS NOT NULL
 GROUP BY http_status;

-- name: unanswered_attempts
-- An error is its name, a colon, and words of which there is no end.
SELECT SUBSTR(error, 1, /* sqlite: INSTR */ /* pg: STRPOS */ (error || ':', ':') - 1) AS name, COUNT(*) AS counted
  FROM attempts
 WHERE http_status IS NULL
 GROUP BY SUBSTR(error, 1, /* sqlite: INSTR */ /* pg: STRPOS */ (error || ':', ':') - 1);

-- name: subscribers
SELECT kind, CASE WHEN disabled_at IS NOT NULL THEN 'disabled'
                  WHEN paused_at IS NOT NULL THEN 'paused'
                  WHEN failing_since IS NOT NULL THEN 'failing'
                  ELSE 'active' END AS standing, COUNT(*) AS counted
  FROM subscribers
 GROUP BY kind, CASE WHEN disabled_at IS NOT NULL THEN 'disabled'
                     WHEN paused_at IS NOT NULL THEN 'paused'
                     WHEN failing_since IS NOT NULL THEN 'failing'
                     ELSE 'active' END;

-- name: breakers
SELECT * FROM ledgers;

-- name: subscriber_health
-- What waits is counted in the order of its index, and no more of it than matters.
SELECT subscribers.id, subscribers.failing_since, subscribers.last_success_at,
       (SELECT COUNT(*) FROM (
            SELECT 1 FROM deliveries AS waiting
             WHERE waiting.subscriber_id = subscribers.id AND waiting.attempt_at IS NOT NULL
             LIMIT :max_counted) AS counted) AS backlog
  FROM subscribers
 WHERE subscribers.kind = 'registered'
 ORDER BY subscribers.id;

-- name: size
SELECT /* sqlite: 'sqlite' AS engine, pages.page_count * sizes.page_size AS bytes
         FROM pragma_page_count() AS pages, pragma_page_size() AS sizes */
       /* pg: 'postgresql' AS engine, pg_database_size(current_database()) AS bytes */;

-- name: forgotten
SELECT name, value FROM counters WHERE value > 0;

-- name: forget
-- Also what a process has measured.
INSERT INTO counters (name, value) VALUES (:name, :value)
ON CONFLICT (name) DO UPDATE SET value = counters.value + excluded.value;
