-- name: idempotent_order
SELECT digest, generation_id FROM idempotency_keys WHERE owner = :owner AND idempotency_key = :idempotency_key;

-- name: insert_idempotency_key
INSERT INTO idempotency_keys (owner, idempotency_key, digest, generation_id, created_at)
VALUES (:owner, :idempotency_key, :digest, :generation_id, :created_at)
ON CONFLICT (owner, idempotency_key) DO NOTHING
RETURNING generation_id;
