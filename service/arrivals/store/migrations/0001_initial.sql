-- Everything that is known, from the first day. Moments are microseconds since 1970 UTC; JSON is TEXT.

CREATE TABLE generations (
    id TEXT PRIMARY KEY,
    provider TEXT NOT NULL,
    account TEXT NOT NULL,
    route TEXT NOT NULL,
    model TEXT NOT NULL,
    status TEXT NOT NULL,
    version INT/* pg: 8 */ NOT NULL,
    external_id TEXT,
    provider_status TEXT,
    progress /* sqlite: REAL */ /* pg: FLOAT8 */,
    queue_position INT/* pg: 8 */,
    outputs TEXT NOT NULL,
    failure TEXT,
    failure_code TEXT,
    cost TEXT,
    metadata TEXT NOT NULL,
    callback_url TEXT,
    -- 1 when the submission carried a callback URL of ours
    webhook_expected INT/* pg: 8 */ NOT NULL,
    learned_from TEXT,
    verified_by TEXT,
    late INT/* pg: 8 */ NOT NULL,
    held TEXT,
    created_at INT/* pg: 8 */ NOT NULL,
    submitted_at INT/* pg: 8 */,
    closed_at INT/* pg: 8 */,
    deadline_at INT/* pg: 8 */ NOT NULL,
    -- when the next submission, poll, or end of a bounded wait is due; a claim pushes the moment beyond its lease
    submit_at INT/* pg: 8 */,
    poll_at INT/* pg: 8 */,
    clock_at INT/* pg: 8 */,
    submit_tries INT/* pg: 8 */ NOT NULL,
    polls INT/* pg: 8 */ NOT NULL,
    poll_misses INT/* pg: 8 */ NOT NULL
) /* sqlite: STRICT */;

CREATE INDEX generations_to_submit ON generations (provider, account, created_at) WHERE submit_at IS NOT NULL;
CREATE INDEX generations_to_poll ON generations (poll_at) WHERE poll_at IS NOT NULL;
CREATE INDEX generations_to_expire ON generations (clock_at) WHERE clock_at IS NOT NULL;
CREATE INDEX generations_closed ON generations (closed_at) WHERE closed_at IS NOT NULL;
CREATE INDEX generations_in_flight ON generations (provider, account)
    WHERE status IN ('submitting', 'submitted', 'processing');

-- What the caller asked for, apart from the generation because inputs may be large and are read once.
CREATE TABLE orders (
    generation_id TEXT PRIMARY KEY,
    input TEXT NOT NULL
) /* sqlite: STRICT */;

CREATE TABLE idempotency_keys (
    owner TEXT NOT NULL,
    idempotency_key TEXT NOT NULL,
    digest TEXT NOT NULL,
    generation_id TEXT NOT NULL,
    created_at INT/* pg: 8 */ NOT NULL,
    PRIMARY KEY (owner, idempotency_key)
) /* sqlite: STRICT */;

CREATE TABLE webhooks (
    id TEXT PRIMARY KEY,
    provider TEXT NOT NULL,
    account TEXT NOT NULL,
    generation_id TEXT NOT NULL,
    received_at INT/* pg: 8 */ NOT NULL,
    headers TEXT NOT NULL,
    body /* sqlite: BLOB */ /* pg: BYTEA */ NOT NULL,
    -- null while nobody vouches for it: then it is a hint, or, with quarantined_at, refused
    verified_by TEXT,
    quarantined_at INT/* pg: 8 */,
    refused_because TEXT,
    read_at INT/* pg: 8 */,
    finding TEXT,
    unreadable_because TEXT
) /* sqlite: STRICT */;

CREATE INDEX webhooks_to_read ON webhooks (received_at) WHERE read_at IS NULL AND quarantined_at IS NULL;
CREATE INDEX webhooks_in_quarantine ON webhooks (quarantined_at) WHERE quarantined_at IS NOT NULL;
CREATE INDEX webhooks_of_generation ON webhooks (generation_id);

CREATE TABLE observations (
    id TEXT PRIMARY KEY,
    generation_id TEXT NOT NULL,
    origin TEXT NOT NULL,
    at INT/* pg: 8 */ NOT NULL,
    status TEXT,
    provider_status TEXT,
    finding TEXT NOT NULL,
    believed INT/* pg: 8 */ NOT NULL,
    webhook_id TEXT,
    reading TEXT NOT NULL
) /* sqlite: STRICT */;

CREATE INDEX observations_of_generation ON observations (generation_id, at);

CREATE TABLE events (
    id TEXT PRIMARY KEY,
    -- the cursor: taken from `counters` under a lock that is held until the commit, so no smaller one can commit later
    position INT/* pg: 8 */ NOT NULL UNIQUE,
    type TEXT NOT NULL,
    generation_id TEXT NOT NULL,
    at INT/* pg: 8 */ NOT NULL,
    body TEXT NOT NULL
) /* sqlite: STRICT */;

CREATE INDEX events_of_generation ON events (generation_id, position);

CREATE TABLE counters (
    name TEXT PRIMARY KEY,
    counted INT/* pg: 8 */ NOT NULL
) /* sqlite: STRICT */;

INSERT INTO counters (name, counted) VALUES ('events', 0);

CREATE TABLE subscribers (
    id TEXT PRIMARY KEY,
    -- registered: somebody asked for events; callback: the origin of orders' own callback URLs, made by us
    kind TEXT NOT NULL,
    url TEXT NOT NULL,
    secret TEXT NOT NULL,
    event_types TEXT,
    filter TEXT,
    description TEXT,
    max_in_flight INT/* pg: 8 */ NOT NULL,
    rate_per_s /* sqlite: REAL */ /* pg: FLOAT8 */,
    spent_until INT/* pg: 8 */ NOT NULL,
    created_at INT/* pg: 8 */ NOT NULL,
    disabled_at INT/* pg: 8 */,
    disabled_because TEXT,
    failing_since INT/* pg: 8 */
) /* sqlite: STRICT */;

CREATE UNIQUE INDEX subscribers_of_callbacks ON subscribers (url) WHERE kind = 'callback';

CREATE TABLE deliveries (
    id TEXT PRIMARY KEY,
    event_id TEXT NOT NULL,
    position INT/* pg: 8 */ NOT NULL,
    generation_id TEXT NOT NULL,
    subscriber_id TEXT NOT NULL,
    url TEXT NOT NULL,
    created_at INT/* pg: 8 */ NOT NULL,
    attempts INT/* pg: 8 */ NOT NULL,
    -- null when there is nothing more to try
    attempt_at INT/* pg: 8 */,
    in_flight_until INT/* pg: 8 */ NOT NULL,
    delivered_at INT/* pg: 8 */,
    given_up_at INT/* pg: 8 */
) /* sqlite: STRICT */;

CREATE INDEX deliveries_to_attempt ON deliveries (subscriber_id, attempt_at) WHERE attempt_at IS NOT NULL;
CREATE INDEX deliveries_of_generation ON deliveries (generation_id, subscriber_id, position);
CREATE INDEX deliveries_of_event ON deliveries (event_id);

CREATE TABLE attempts (
    delivery_id TEXT NOT NULL,
    number INT/* pg: 8 */ NOT NULL,
    at INT/* pg: 8 */ NOT NULL,
    duration_s /* sqlite: REAL */ /* pg: FLOAT8 */ NOT NULL,
    http_status INT/* pg: 8 */,
    error TEXT,
    answer TEXT,
    PRIMARY KEY (delivery_id, number)
) /* sqlite: STRICT */;

-- One row per provider account: its budget's state and its breaker.
CREATE TABLE ledgers (
    provider TEXT NOT NULL,
    account TEXT NOT NULL,
    spent_until INT/* pg: 8 */ NOT NULL,
    last_turn TEXT,
    misses INT/* pg: 8 */ NOT NULL,
    open_until INT/* pg: 8 */ NOT NULL,
    PRIMARY KEY (provider, account)
) /* sqlite: STRICT */;

-- How long a provider's model usually takes, learned from what finished.
CREATE TABLE durations (
    provider TEXT NOT NULL,
    model TEXT NOT NULL,
    count INT/* pg: 8 */ NOT NULL,
    usual_s /* sqlite: REAL */ /* pg: FLOAT8 */ NOT NULL,
    spread_s /* sqlite: REAL */ /* pg: FLOAT8 */ NOT NULL,
    PRIMARY KEY (provider, model)
) /* sqlite: STRICT */;

CREATE TABLE api_keys (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    digest TEXT NOT NULL UNIQUE,
    scopes TEXT NOT NULL,
    created_at INT/* pg: 8 */ NOT NULL,
    revoked_at INT/* pg: 8 */
) /* sqlite: STRICT */;
