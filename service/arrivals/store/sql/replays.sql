-- name: insert_replay
INSERT INTO replays (
    id, kind, filters, dry_run, rate_per_s, status, total, done, findings, cursor, created_at, due_at
) VALUES (
    :id, :kind, :filters, :dry_run, :rate_per_s, :status, :total, 0, '{}', :cursor, :created_at, :due_at
);

-- name: replay_by_id
SELECT * FROM replays WHERE id = :id;

-- name: list_replays
SELECT * FROM replays WHERE id < :before ORDER BY id DESC LIMIT :limit;

-- name: claim_replays
WITH due AS (
    SELECT id FROM replays
     WHERE due_at <= :now
     ORDER BY due_at, id
     LIMIT :limit
     /* pg: FOR UPDATE SKIP LOCKED */
)
UPDATE replays SET due_at = :lease_until WHERE id IN (SELECT id FROM due)
RETURNING *;

-- name: save_replay
-- Guarded by the claim's own moment: who lost its lease, or was canceled meanwhile, writes nothing.
UPDATE replays SET
    status = :status, failed_reason = :failed_reason, done = :done, findings = :findings, cursor = :cursor,
    finished_at = :finished_at, due_at = :due_at
 WHERE id = :id AND due_at = :lease_until
RETURNING id;

-- name: cancel_replay
UPDATE replays SET status = 'canceled', finished_at = :now, due_at = NULL
 WHERE id = :id AND status = 'running'
RETURNING id;

-- name: count_webhooks (long)
SELECT COUNT(*) AS counted FROM webhooks
 WHERE COALESCE(:provider, provider) = provider
   AND COALESCE(:generation_id, generation_id) = generation_id
   AND COALESCE(:finding, COALESCE(finding, '')) = COALESCE(finding, '')
   AND received_at >= :since
   AND received_at < :until
   AND (quarantined_at IS NULL) = (:quarantined = 0)
   AND (quarantined_at IS NOT NULL OR read_at IS NOT NULL);

-- name: webhooks_to_replay
SELECT id, LENGTH(body) + LENGTH(headers) AS size FROM webhooks
 WHERE id > :cursor
   AND COALESCE(:provider, provider) = provider
   AND COALESCE(:generation_id, generation_id) = generation_id
   AND COALESCE(:finding, COALESCE(finding, '')) = COALESCE(finding, '')
   AND received_at >= :since
   AND received_at < :until
   AND (quarantined_at IS NULL) = (:quarantined = 0)
   AND (quarantined_at IS NOT NULL OR read_at IS NOT NULL)
 ORDER BY id
 LIMIT :limit;

-- name: release_webhook
-- Out of the quarantine, to be read like any other.
UPDATE webhooks SET quarantined_at = NULL, refused_reason = NULL, verified_by = :verified_by, read_at = NULL
 WHERE id = :id AND quarantined_at IS NOT NULL
RETURNING id;
