-- Indexes so that a tick costs what is due and a list what it shows, and ids that PostgreSQL compares byte by byte.

CREATE INDEX deliveries_in_flight ON deliveries (subscriber_id, in_flight_until) WHERE in_flight_until > 0;

-- In the order in which they are claimed, so that many that are due at the same moment need not be sorted each time.
DROP INDEX deliveries_to_attempt;
CREATE INDEX deliveries_to_attempt ON deliveries (subscriber_id, attempt_at, position) WHERE attempt_at IS NOT NULL;
DROP INDEX generations_to_poll;
CREATE INDEX generations_to_poll ON generations (provider, account, poll_at, id) WHERE poll_at IS NOT NULL;

CREATE INDEX generations_by_status ON generations (status, id);
CREATE INDEX generations_by_provider ON generations (provider, id);
CREATE INDEX generations_by_model ON generations (model, id);
CREATE INDEX generations_by_status_and_provider ON generations (status, provider, id);
CREATE INDEX generations_by_status_and_model ON generations (status, model, id);
CREATE INDEX events_by_type ON events (type, position);

/* pg:
ALTER TABLE generations ALTER COLUMN id TYPE TEXT COLLATE "C";
ALTER TABLE webhooks ALTER COLUMN id TYPE TEXT COLLATE "C";
ALTER TABLE observations ALTER COLUMN id TYPE TEXT COLLATE "C";
ALTER TABLE events ALTER COLUMN id TYPE TEXT COLLATE "C";
ALTER TABLE subscribers ALTER COLUMN id TYPE TEXT COLLATE "C";
ALTER TABLE deliveries ALTER COLUMN id TYPE TEXT COLLATE "C";
ALTER TABLE replays ALTER COLUMN id TYPE TEXT COLLATE "C";
*/
