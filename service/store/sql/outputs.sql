-- name: keep_output
-- The first one stays: what was announced is not exchanged.
INSERT INTO kept_outputs (generation_id, number, content_type, content)
VALUES (:generation_id, :number, :content_type, :content)
ON CONFLICT (generation_id, number) DO NOTHING;

-- name: kept_output
SELECT content_type, content FROM kept_outputs WHERE generation_id = :generation_id AND number = :number;
