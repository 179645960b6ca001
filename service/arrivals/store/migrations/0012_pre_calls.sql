-- Our calls to a provider about a generation whose answer was more than that it is still worked on.
CREATE TABLE calls (
    id TEXT /* pg: COLLATE "C" */ PRIMARY KEY,
    generation_id TEXT /* pg: COLLATE "C" */ NOT NULL,
    at INT/* pg: 8 */ NOT NULL,
    -- How many more like it followed, and when the last of them did.
    repeats INT/* pg: 8 */ NOT NULL DEFAULT 0,
    last_at INT/* pg: 8 */ NOT NULL,
    -- poll, submission or cancellation
    kind TEXT NOT NULL,
    request TEXT NOT NULL,
    http_status INT/* pg: 8 */,
    outcome TEXT NOT NULL,
    because TEXT,
    failure TEXT,
    size INT/* pg: 8 */,
    -- The beginning of what was answered, as it came.
    body /* sqlite: BLOB */ /* pg: BYTEA */
) /* sqlite: STRICT */;
CREATE INDEX calls_by_generation ON calls (generation_id, at);
-- Until when the provider has asked the account to wait.
ALTER TABLE ledgers ADD COLUMN paused_until INT/* pg: 8 */ NOT NULL DEFAULT 0;
-- Whether a hint waits for the question that it asks for.
ALTER TABLE generations ADD COLUMN hinted INT/* pg: 8 */ NOT NULL DEFAULT 0;
