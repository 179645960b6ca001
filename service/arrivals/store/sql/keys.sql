-- name: insert_key
INSERT INTO api_keys (id, name, digest, scopes, created_at, expires_at, lineage)
VALUES (:id, :name, :digest, :scopes, :created_at, :expires_at, :lineage);

-- name: key_by_digest
SELECT * FROM api_keys WHERE digest = :digest AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > :now);

-- name: list_keys
SELECT id, name, scopes, created_at, expires_at, revoked_at, lineage FROM api_keys ORDER BY id;

-- name: expire_key
-- Never later than it ends anyway.
UPDATE api_keys SET expires_at = :expires_at
 WHERE id = :id AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > :expires_at)
RETURNING *;

-- name: revoke_key
UPDATE api_keys SET revoked_at = :now WHERE id = :id AND revoked_at IS NULL RETURNING id;
