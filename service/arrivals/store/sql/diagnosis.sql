-- name: quarantines
-- The quarantine is bounded, so that each provider's latest reason may be looked for.
SELECT provider, COUNT(*) AS counted, MIN(quarantined_at) AS first_at, MAX(quarantined_at) AS last_at,
       (SELECT latest.refused_reason FROM webhooks AS latest
         WHERE latest.quarantined_at IS NOT NULL AND latest.provider = webhooks.provider
         ORDER BY latest.quarantined_at DESC, latest.id DESC
         LIMIT 1) AS reason
  FROM webhooks
 WHERE quarantined_at IS NOT NULL
 GROUP BY provider
 ORDER BY provider;

-- name: closed_by_polls
SELECT provider, COUNT(*) AS counted FROM generations
 WHERE closed_at > :since AND provider = :provider AND webhook_expected = 1 AND learned_from = 'poll'
 GROUP BY provider;

-- name: failing_subscribers
SELECT id, kind, url, misses, open_until, failing_since, last_error FROM subscribers
 WHERE failing_since IS NOT NULL AND disabled_at IS NULL
 ORDER BY failing_since, id
 LIMIT :limit;

-- name: overdue
SELECT (SELECT MIN(received_at) FROM webhooks WHERE read_at IS NULL AND quarantined_at IS NULL) AS unread_since,
       (SELECT MIN(timeout_at) FROM generations WHERE timeout_at IS NOT NULL) AS timeout_at,
       (SELECT value FROM counters WHERE name = 'pruned_at') AS pruned_at;

-- name: newest
-- Ids are made from the clock, so that the last ones are the newest.
SELECT (SELECT created_at FROM generations ORDER BY id DESC LIMIT 1) AS generation_at,
       (SELECT received_at FROM webhooks ORDER BY id DESC LIMIT 1) AS webhook_at,
       (SELECT at FROM events ORDER BY id DESC LIMIT 1) AS event_at;
