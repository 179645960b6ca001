-- Rotation, pause and breaker of subscribers; deliveries that were asked for again; replays that outlive a restart.

ALTER TABLE subscribers ADD COLUMN previous_secret TEXT;
ALTER TABLE subscribers ADD COLUMN previous_until INT/* pg: 8 */;
-- whsk_ + base64 of an Ed25519 seed, where the subscriber wants v1a too
ALTER TABLE subscribers ADD COLUMN private_key TEXT;
ALTER TABLE subscribers ADD COLUMN previous_private_key TEXT;
ALTER TABLE subscribers ADD COLUMN paused_at INT/* pg: 8 */;
ALTER TABLE subscribers ADD COLUMN misses INT/* pg: 8 */ NOT NULL DEFAULT 0;
ALTER TABLE subscribers ADD COLUMN open_until INT/* pg: 8 */ NOT NULL DEFAULT 0;

-- 1 when somebody asked for the event to be sent again
ALTER TABLE deliveries ADD COLUMN redelivered INT/* pg: 8 */ NOT NULL DEFAULT 0;

ALTER TABLE deliveries ADD COLUMN event_type TEXT NOT NULL DEFAULT '';
UPDATE deliveries SET event_type = (SELECT events.type FROM events WHERE events.id = deliveries.event_id);

CREATE INDEX deliveries_of_subscriber ON deliveries (subscriber_id, id);

CREATE TABLE replays (
    id TEXT PRIMARY KEY,
    what TEXT NOT NULL,
    filters TEXT NOT NULL,
    dry_run INT/* pg: 8 */ NOT NULL,
    rate_per_s /* sqlite: REAL */ /* pg: FLOAT8 */,
    status TEXT NOT NULL,
    failed_because TEXT,
    total INT/* pg: 8 */ NOT NULL,
    done INT/* pg: 8 */ NOT NULL,
    findings TEXT NOT NULL,
    -- where it stands: what comes behind this is not done yet
    cursor TEXT NOT NULL,
    created_at INT/* pg: 8 */ NOT NULL,
    finished_at INT/* pg: 8 */,
    -- when its next batch is due; null when it has ended
    due_at INT/* pg: 8 */
) /* sqlite: STRICT */;

CREATE INDEX replays_due ON replays (due_at) WHERE due_at IS NOT NULL;

-- What is counted at every scrape, and what is looked for when old rows are forgotten.
CREATE INDEX generations_counted
    ON generations (provider, status, learned_from, webhook_expected, failure_code, polls, poll_misses);
CREATE INDEX webhooks_counted ON webhooks (provider, finding, quarantined_at, received_at);
CREATE INDEX webhooks_unreadable ON webhooks (provider, finding) WHERE unreadable_because IS NOT NULL;
CREATE INDEX deliveries_given_up ON deliveries (given_up_at) WHERE given_up_at IS NOT NULL;
CREATE INDEX attempts_counted ON attempts (http_status);
CREATE INDEX idempotency_keys_by_time ON idempotency_keys (created_at);
CREATE INDEX idempotency_keys_of_generation ON idempotency_keys (generation_id);
