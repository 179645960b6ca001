-- What ends of generations teach: how long a kind of work takes, and how an account's webhooks come.
ALTER TABLE generations ADD COLUMN order_size TEXT NOT NULL DEFAULT '';
-- the last moment at which its provider said that it is under way
ALTER TABLE generations ADD COLUMN running_at INT/* pg: 8 */;

CREATE TABLE learned_durations (
    provider TEXT NOT NULL,
    model TEXT NOT NULL,
    order_size TEXT NOT NULL,
    weights TEXT NOT NULL,
    surprise /* sqlite: REAL */ /* pg: FLOAT8 */ NOT NULL,
    updated_at INT/* pg: 8 */ NOT NULL,
    PRIMARY KEY (provider, model, order_size)
) /* sqlite: STRICT */;
CREATE INDEX learned_durations_by_age ON learned_durations (updated_at);

CREATE TABLE learned_webhooks (
    provider TEXT NOT NULL,
    account TEXT NOT NULL,
    share /* sqlite: REAL */ /* pg: FLOAT8 */ NOT NULL,
    recent /* sqlite: REAL */ /* pg: FLOAT8 */ NOT NULL,
    seen /* sqlite: REAL */ /* pg: FLOAT8 */ NOT NULL,
    lateness TEXT NOT NULL,
    surprise /* sqlite: REAL */ /* pg: FLOAT8 */ NOT NULL,
    updated_at INT/* pg: 8 */ NOT NULL,
    PRIMARY KEY (provider, account)
) /* sqlite: STRICT */;

DROP TABLE durations;
