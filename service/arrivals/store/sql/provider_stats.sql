-- name: closed
SELECT provider, learned_from, COUNT(*) AS counted FROM generations
 WHERE closed_at >= :since
 GROUP BY provider, learned_from;

-- name: failures
SELECT provider, failure_code, COUNT(*) AS counted FROM generations
 WHERE closed_at >= :since AND failure_code IS NOT NULL
 GROUP BY provider, failure_code;

-- name: webhooks
-- Of the generations that a provider itself worked on and closed, to how many did an accepted webhook come?
SELECT provider, COUNT(*) AS expected,
       SUM(CASE WHEN EXISTS (SELECT 1 FROM webhooks
                              WHERE webhooks.generation_id = generations.id AND webhooks.quarantined_at IS NULL)
                THEN 1 ELSE 0 END) AS came
  FROM generations
 WHERE closed_at >= :since AND webhook_expected = 1 AND external_id IS NOT NULL
 GROUP BY provider;

-- name: findings
SELECT generations.provider,
       SUM(CASE WHEN observations.finding = 'repeated' AND observations.origin = 'webhook' THEN 1 ELSE 0 END) AS repeated,
       SUM(CASE WHEN observations.finding = 'conflicting' THEN 1 ELSE 0 END) AS conflicting
  FROM observations JOIN generations ON generations.id = observations.generation_id
 WHERE observations.at >= :since
 GROUP BY generations.provider;

-- name: repeats
-- Those that were counted and not kept.
SELECT provider, SUM(repeats) AS repeated FROM webhooks
 WHERE repeats > 0 AND received_at >= :since
 GROUP BY provider;

-- name: durations
WITH ranked AS (
    SELECT provider, closed_at - submitted_at AS took,
           ROW_NUMBER() OVER (PARTITION BY provider ORDER BY closed_at - submitted_at) AS nth,
           COUNT(*) OVER (PARTITION BY provider) AS of_all
      FROM generations
     WHERE status = 'completed' AND closed_at >= :since AND submitted_at IS NOT NULL
)
SELECT provider,
       MIN(CASE WHEN nth * 2 >= of_all THEN took END) AS p50,
       MIN(CASE WHEN nth * 20 >= of_all * 19 THEN took END) AS p95
  FROM ranked
 GROUP BY provider;

-- name: lateness
WITH ranked AS (
    SELECT generations.provider, webhooks.received_at - generations.closed_at AS late,
           ROW_NUMBER() OVER (PARTITION BY generations.provider
                              ORDER BY webhooks.received_at - generations.closed_at) AS nth,
           COUNT(*) OVER (PARTITION BY generations.provider) AS of_all
      FROM webhooks JOIN generations ON generations.id = webhooks.generation_id
     WHERE webhooks.received_at >= :since AND webhooks.quarantined_at IS NULL
       AND webhooks.received_at > generations.closed_at
       AND generations.learned_from <> 'webhook'
)
SELECT provider,
       MIN(CASE WHEN nth * 2 >= of_all THEN late END) AS p50,
       MIN(CASE WHEN nth * 20 >= of_all * 19 THEN late END) AS p95
  FROM ranked
 GROUP BY provider;
