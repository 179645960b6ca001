-- name: keep_output
-- Only of what a verdict has taken, so that the latest is the generation's; a closed one takes nothing any more.
INSERT INTO kept_outputs (generation_id, number, content_type, content)
VALUES (:generation_id, :number, :content_type, :content)
ON CONFLICT (generation_id, number) DO UPDATE SET content_type = excluded.content_type, content = excluded.content;

-- name: kept_output
SELECT content_type, content FROM kept_outputs WHERE generation_id = :generation_id AND number = :number;
