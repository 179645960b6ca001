-- name: insert_webhook
INSERT INTO webhooks (
    id, provider, account, generation_id, received_at, headers, body, verified_by, quarantined_at, refused_reason,
    digest
) VALUES (
    :id, :provider, :account, :generation_id, :received_at, :headers, :body, :verified_by, :quarantined_at, :refused_reason,
    :digest
);

-- name: trim_quarantine
-- Forgeries cost disk: only the newest are kept.
DELETE FROM webhooks
 WHERE quarantined_at IS NOT NULL
   AND id NOT IN (SELECT id FROM webhooks WHERE quarantined_at IS NOT NULL ORDER BY quarantined_at DESC, id DESC LIMIT :keep);

-- name: unread_webhooks
SELECT id, LENGTH(body) + LENGTH(headers) AS size FROM webhooks
 WHERE read_at IS NULL AND quarantined_at IS NULL
 ORDER BY received_at, id
 LIMIT :limit;

-- name: webhooks_measured
SELECT * FROM webhooks
 WHERE id IN (
    /* sqlite: SELECT value FROM json_each(:keys) */
    /* pg: SELECT jsonb_array_elements_text(CAST(:keys AS JSONB)) */
 );

-- name: webhooks_being_read
SELECT id, read_at FROM webhooks
 WHERE id IN (
    /* sqlite: SELECT value FROM json_each(:ids) */
    /* pg: SELECT jsonb_array_elements_text(CAST(:ids AS JSONB)) */
 )
 ORDER BY id
/* pg: FOR UPDATE */;

-- name: webhook_read
UPDATE webhooks SET
    read_at = COALESCE(read_at, :read_at), finding = :finding, unreadable_reason = :unreadable_reason
 WHERE id = :id;

-- name: webhooks_alike
SELECT id, generation_id, digest FROM webhooks
 WHERE generation_id IN (
    /* sqlite: SELECT value FROM json_each(:generations) */
    /* pg: SELECT jsonb_array_elements_text(CAST(:generations AS JSONB)) */
 )
   AND digest IN (
    /* sqlite: SELECT value FROM json_each(:digests) */
    /* pg: SELECT jsonb_array_elements_text(CAST(:digests AS JSONB)) */
 )
   AND digest IS NOT NULL AND quarantined_at IS NULL;

-- name: hints_since
-- By the index of those that were compared: what is kept of hints is bounded, so is what is looked at here.
SELECT generation_id, COUNT(*) AS counted, SUM(LENGTH(body)) AS size, MAX(id) AS last FROM webhooks
 WHERE generation_id IN (
    /* sqlite: SELECT value FROM json_each(:generations) */
    /* pg: SELECT jsonb_array_elements_text(CAST(:generations AS JSONB)) */
 )
   AND digest IS NOT NULL AND received_at >= :since AND verified_by IS NULL AND quarantined_at IS NULL
 GROUP BY generation_id;

-- name: count_repeats
UPDATE webhooks SET repeats = repeats + :repeats WHERE id = :id;

-- name: webhook_by_id
SELECT * FROM webhooks WHERE id = :id;

-- name: list_webhooks
SELECT id, provider, account, generation_id, received_at, verified_by, quarantined_at, refused_reason, read_at, finding,
       unreadable_reason, repeats, LENGTH(body) AS size
  FROM webhooks
 WHERE id < :before
   AND COALESCE(:provider, provider) = provider
   AND COALESCE(:generation_id, generation_id) = generation_id
   AND COALESCE(:finding, COALESCE(finding, '')) = COALESCE(finding, '')
   AND COALESCE(:verification, CASE WHEN verified_by IS NULL THEN 'no' ELSE 'yes' END)
       = CASE WHEN verified_by IS NULL THEN 'no' ELSE 'yes' END
   AND received_at >= :since
   AND received_at < :until
 ORDER BY id DESC
 LIMIT :limit;

-- name: webhooks_of
SELECT * FROM webhooks WHERE generation_id = :generation_id ORDER BY received_at, id;

-- name: webhook_facts
SELECT id, provider, account, generation_id, received_at, verified_by, quarantined_at, refused_reason, read_at, finding,
       unreadable_reason, repeats, LENGTH(body) AS size
  FROM webhooks
 WHERE id IN (
    /* sqlite: SELECT value FROM json_each(:ids) */
    /* pg: SELECT jsonb_array_elements_text(CAST(:ids AS JSONB)) */
 );

-- name: insert_observation
INSERT INTO observations (
    id, generation_id, origin, at, status, provider_status, finding, believed, webhook_id, reading
) VALUES (
    :id, :generation_id, :origin, :at, :status, :provider_status, :finding, :believed, :webhook_id, :reading
);

-- name: observations_of
SELECT * FROM observations WHERE generation_id = :generation_id ORDER BY at, id;
