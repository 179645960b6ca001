-- name: insert_key
INSERT INTO api_keys (id, name, digest, scopes, created_at, expires_at, lineage, prefix)
VALUES (:id, :name, :digest, :scopes, :created_at, :expires_at, :lineage, :prefix);

-- name: key_by_digest
SELECT * FROM api_keys WHERE digest = :digest AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > :now);

-- name: list_keys
SELECT * FROM api_keys ORDER BY id;

-- name: record_key_use
-- Another process may have recorded a later one.
UPDATE api_keys SET last_used_at = :at WHERE id = :id AND (last_used_at IS NULL OR last_used_at < :at);

-- name: expire_key
-- Never later than it ends anyway.
UPDATE api_keys SET expires_at = :expires_at
 WHERE id = :id AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > :expires_at)
RETURNING *;

-- name: revoke_key
UPDATE api_keys SET revoked_at = :now WHERE id = :id AND revoked_at IS NULL RETURNING id;
