-- Generations that were ordered together, and outputs that came inside an answer and are served by us.

ALTER TABLE generations ADD COLUMN bulk_id TEXT;

CREATE INDEX generations_of_bulk ON generations (bulk_id) WHERE bulk_id IS NOT NULL;

-- Five routes share the path that this one had alone.
UPDATE generations SET route = 'sora-forward' WHERE provider = 'laozhang' AND route = 'videos';

CREATE TABLE kept_outputs (
    generation_id TEXT NOT NULL,
    number INT/* pg: 8 */ NOT NULL,
    content_type TEXT NOT NULL,
    content /* sqlite: BLOB */ /* pg: BYTEA */ NOT NULL,
    PRIMARY KEY (generation_id, number)
) /* sqlite: STRICT */;
