-- Columns take the names that JSON and code have. An older release does not run on this.
ALTER TABLE generations RENAME COLUMN clock_at TO timeout_at;
ALTER TABLE webhooks RENAME COLUMN refused_because TO refused_reason;
ALTER TABLE webhooks RENAME COLUMN unreadable_because TO unreadable_reason;
ALTER TABLE calls RENAME COLUMN because TO reason;
ALTER TABLE subscribers RENAME COLUMN disabled_because TO disabled_reason;
ALTER TABLE deliveries RENAME COLUMN attempts TO attempt_count;
ALTER TABLE replays RENAME COLUMN what TO kind;
ALTER TABLE replays RENAME COLUMN failed_because TO failed_reason;
ALTER TABLE durations RENAME COLUMN usual_s TO mean_s;
ALTER TABLE durations RENAME COLUMN spread_s TO deviation_s;
ALTER TABLE counters RENAME COLUMN counted TO value;
