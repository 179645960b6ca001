-- Generations by what people know of them: the provider's id, the API key that ordered them, their metadata.
ALTER TABLE generations ADD COLUMN api_key TEXT;
CREATE INDEX generations_by_api_key ON generations (api_key, id) WHERE api_key IS NOT NULL;
CREATE INDEX generations_by_external_id ON generations (external_id, id) WHERE external_id IS NOT NULL;

CREATE TABLE generation_metadata (
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    generation_id TEXT /* pg: COLLATE "C" */ NOT NULL,
    PRIMARY KEY (key, value, generation_id)
) /* sqlite: STRICT, WITHOUT ROWID */;
CREATE INDEX generation_metadata_of ON generation_metadata (generation_id);

INSERT INTO generation_metadata (key, value, generation_id)
SELECT field.key,
       /* sqlite: CASE field.type WHEN 'true' THEN 'true' WHEN 'false' THEN 'false' ELSE CAST(field.atom AS TEXT) END */
       /* pg: field.value #>> '{}' */,
       generations.id
  FROM generations, /* sqlite: JSON_EACH(metadata) */ /* pg: JSONB_EACH(CAST(metadata AS JSONB)) */ AS field
 WHERE /* sqlite: field.type IN ('text', 'integer', 'real', 'true', 'false') AND LENGTH(CAST(field.atom AS TEXT)) <= 500 */
       /* pg: JSONB_TYPEOF(field.value) IN ('string', 'number', 'boolean') AND LENGTH(field.value #>> '{}') <= 500 */;
