-- name: lock_durations
-- A row that is not there cannot be locked.
INSERT INTO learned_durations (provider, model, order_size, weights, surprise, updated_at)
VALUES (:provider, :model, :order_size, '{}', 0, :now)
ON CONFLICT (provider, model, order_size) DO NOTHING;

-- name: durations_of
SELECT weights, surprise FROM learned_durations
 WHERE provider = :provider AND model = :model AND order_size = :order_size
 /* pg: FOR UPDATE */;

-- name: save_durations
UPDATE learned_durations SET weights = :weights, surprise = :surprise, updated_at = :now
 WHERE provider = :provider AND model = :model AND order_size = :order_size;

-- name: durations_since
SELECT * FROM learned_durations WHERE updated_at >= :since ORDER BY updated_at DESC LIMIT :limit;

-- name: forget_durations
-- All but so many of those that were updated last.
DELETE FROM learned_durations
 WHERE updated_at < (SELECT updated_at FROM learned_durations ORDER BY updated_at DESC LIMIT 1 OFFSET :more);

-- name: lock_webhooks
INSERT INTO learned_webhooks (provider, account, share, recent, seen, lateness, surprise, updated_at)
VALUES (:provider, :account, :share, :share, :seen, '{}', 0, :now)
ON CONFLICT (provider, account) DO NOTHING;

-- name: webhooks_of
SELECT share, recent, seen, lateness, surprise FROM learned_webhooks
 WHERE provider = :provider AND account = :account
 /* pg: FOR UPDATE */;

-- name: save_webhooks
UPDATE learned_webhooks SET
    share = :share, recent = :recent, seen = :seen, lateness = :lateness, surprise = :surprise, updated_at = :now
 WHERE provider = :provider AND account = :account;

-- name: webhooks_since
SELECT * FROM learned_webhooks WHERE updated_at >= :since;
