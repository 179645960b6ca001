-- Indexes that cost less where a webhook is kept and settled.

-- As one comparison after the other: for a list SQLite builds a table of its own with every row that is saved.
DROP INDEX generations_in_flight;
CREATE INDEX generations_in_flight ON generations (provider, account)
    WHERE status = 'submitting' OR status = 'submitted' OR status = 'processing';

-- What is unread is counted by the index of what is to be read; each is written once, not moved when it is read.
DROP INDEX webhooks_counted;
CREATE INDEX webhooks_counted ON webhooks (provider, finding, received_at)
    WHERE read_at IS NOT NULL AND quarantined_at IS NULL;
DROP INDEX webhooks_to_read;
CREATE INDEX webhooks_to_read ON webhooks (received_at, provider) WHERE read_at IS NULL AND quarantined_at IS NULL;
