-- name: insert_generation
INSERT INTO generations (
    id, provider, account, route, model, bulk_id, status, version, external_id, provider_status, progress, queue_position, outputs,
    failure, failure_code, cost, metadata, callback_url, webhook_expected, learned_from, verified_by, late, held, ended, created_at,
    submitted_at, closed_at, deadline_at, submit_at, poll_at, timeout_at, submit_tries, polls, poll_misses, external_id_hinted,
    outputs_requested, provider_details, api_key, order_size
) VALUES (
    :id, :provider, :account, :route, :model, :bulk_id, :status, :version, :external_id, :provider_status, :progress,
    :queue_position, :outputs, :failure, :failure_code, :cost, :metadata, :callback_url, :webhook_expected, :learned_from, :verified_by,
    :late, :held, :ended, :created_at, :submitted_at, :closed_at, :deadline_at, :submit_at, :poll_at, :timeout_at, 0, 0, 0,
    :external_id_hinted, :outputs_requested, :provider_details, :api_key, :order_size
);

-- name: insert_metadata
INSERT INTO generation_metadata (key, value, generation_id) VALUES (:key, :value, :generation_id);

-- name: insert_order
INSERT INTO orders (generation_id, input) VALUES (:generation_id, :input);

-- name: insert_large_order (long)
INSERT INTO orders (generation_id, input) VALUES (:generation_id, :input);

-- name: order_of
SELECT input FROM orders WHERE generation_id = :generation_id;

-- name: generation_by_id
SELECT * FROM generations WHERE id = :id;

-- name: generations_to_settle
-- In id order, so that two settlers that share rows lock them in the same order.
SELECT * FROM generations
 WHERE id IN (
    /* sqlite: SELECT value FROM json_each(:ids) */
    /* pg: SELECT jsonb_array_elements_text(CAST(:ids AS JSONB)) */
 )
 ORDER BY id
/* pg: FOR UPDATE */;

-- name: generations_by_ids
SELECT * FROM generations
 WHERE id IN (
    /* sqlite: SELECT value FROM json_each(:ids) */
    /* pg: SELECT jsonb_array_elements_text(CAST(:ids AS JSONB)) */
 );

-- name: ended_of
SELECT id FROM generations
 WHERE id IN (
    /* sqlite: SELECT value FROM json_each(:ids) */
    /* pg: SELECT jsonb_array_elements_text(CAST(:ids AS JSONB)) */
 )
   AND (closed_at IS NOT NULL OR status = 'expired');

-- name: keys_of
SELECT id, provider, account, route, model, bulk_id, external_id FROM generations
 WHERE id IN (
    /* sqlite: SELECT value FROM json_each(:ids) */
    /* pg: SELECT jsonb_array_elements_text(CAST(:ids AS JSONB)) */
 );

-- name: save_generation
UPDATE generations SET
    status = :status, version = :version + 1, external_id = :external_id, provider_status = :provider_status,
    progress = :progress, queue_position = :queue_position, outputs = :outputs, failure = :failure,
    failure_code = :failure_code, cost = :cost,
    learned_from = :learned_from, verified_by = :verified_by, late = :late, held = :held, ended = :ended,
    submitted_at = :submitted_at,
    closed_at = :closed_at, submit_at = :submit_at, poll_at = :poll_at, timeout_at = :timeout_at,
    polls = :polls, poll_misses = :poll_misses, external_id_hinted = :external_id_hinted, provider_details = :provider_details,
    hinted = :hinted, running_at = :running_at
 WHERE id = :id AND version = :version;

-- name: list_generations
-- What is long in a row; the rest of it is small change.
SELECT id, 1000 + /* sqlite: LENGTH */ /* pg: OCTET_LENGTH */ (outputs)
       + /* sqlite: LENGTH */ /* pg: OCTET_LENGTH */ (metadata)
       + COALESCE(/* sqlite: LENGTH */ /* pg: OCTET_LENGTH */ (failure), 0)
       + COALESCE(/* sqlite: LENGTH */ /* pg: OCTET_LENGTH */ (provider_details), 0) AS size
  FROM generations
 WHERE id < :before AND id >= :not_before
   /* if status: AND status = :status */
   /* if provider: AND provider = :provider */
   /* if model: AND model = :model */
   /* if external_id: AND external_id = :external_id AND external_id_hinted = 0 */
   /* if api_key: AND api_key = :api_key */
   AND created_at >= :since
   AND created_at < :until
 ORDER BY id DESC
 LIMIT :limit;

-- name: list_generations_by_metadata
-- The same, in the order of the metadata's own index.
SELECT id, 1000 + /* sqlite: LENGTH */ /* pg: OCTET_LENGTH */ (outputs)
       + /* sqlite: LENGTH */ /* pg: OCTET_LENGTH */ (metadata)
       + COALESCE(/* sqlite: LENGTH */ /* pg: OCTET_LENGTH */ (failure), 0)
       + COALESCE(/* sqlite: LENGTH */ /* pg: OCTET_LENGTH */ (provider_details), 0) AS size
  FROM generation_metadata AS first /* sqlite: CROSS */ JOIN generations ON generations.id = first.generation_id
 WHERE first.key = :first_key AND first.value = :first_value
   AND first.generation_id < :before AND first.generation_id >= :not_before
   /* if second_key: AND EXISTS (SELECT 1 FROM generation_metadata AS second
       WHERE second.key = :second_key AND second.value = :second_value AND second.generation_id = first.generation_id) */
   /* if third_key: AND EXISTS (SELECT 1 FROM generation_metadata AS third
       WHERE third.key = :third_key AND third.value = :third_value AND third.generation_id = first.generation_id) */
   /* if status: AND status = :status */
   /* if provider: AND provider = :provider */
   /* if model: AND model = :model */
   /* if external_id: AND external_id = :external_id AND external_id_hinted = 0 */
   /* if api_key: AND api_key = :api_key */
   AND created_at >= :since
   AND created_at < :until
 ORDER BY first.generation_id DESC
 LIMIT :limit;

-- name: versions_of_status
SELECT id, version FROM generations WHERE status = :status ORDER BY id DESC LIMIT :limit;

-- name: versions_of_closed
SELECT id, version FROM generations WHERE closed_at >= :closed_since ORDER BY closed_at DESC LIMIT :limit;

-- name: versions_of_generations
SELECT id, version FROM generations
 WHERE id IN (
    /* sqlite: SELECT value FROM json_each(:keys) */
    /* pg: SELECT jsonb_array_elements_text(CAST(:keys AS JSONB)) */
 );

-- name: generations_listed
SELECT * FROM generations
 WHERE id IN (
    /* sqlite: SELECT value FROM json_each(:keys) */
    /* pg: SELECT jsonb_array_elements_text(CAST(:keys AS JSONB)) */
 );

-- name: waiting_to_submit
-- Here and below: no more is counted than matters, so that a tick costs the same however much waits.
SELECT COUNT(*) AS waiting FROM (
    SELECT 1 FROM generations
     WHERE provider = :provider AND account = :account AND submit_at <= :now
     LIMIT :limit) AS counted;

-- name: waiting_to_poll
SELECT COUNT(*) AS waiting FROM (
    SELECT 1 FROM generations
     WHERE provider = :provider AND account = :account AND poll_at <= :now
     LIMIT :limit) AS counted;

-- name: in_flight_of
-- In the words of the index. Whose end was told, and believed, is worked on no more, whatever detail we still wait for.
SELECT COUNT(*) AS in_flight FROM (
    SELECT 1 FROM generations
     WHERE provider = :provider AND account = :account
       AND (status = 'submitting' OR status = 'submitted' OR status = 'processing')
       AND ended = 0
     LIMIT :limit) AS counted;

-- name: begin_submissions
-- The claim is the step to `submitting`, committed before the call goes out: a crash from here on leaves a submission whose
-- outcome is unknown, and nothing claims it again. The CTE is not taste: inside IN (…) PostgreSQL may run a locking SELECT
-- more than once and pass the limit.
WITH due AS (
    SELECT id FROM generations
     WHERE provider = :provider AND account = :account AND submit_at <= :now AND status = 'pending'
     ORDER BY created_at, id
     LIMIT :limit
     /* pg: FOR UPDATE SKIP LOCKED */
)
UPDATE generations SET
    status = 'submitting', version = version + 1, submit_at = NULL, submitted_at = :now, submit_tries = submit_tries + 1,
    failure = NULL,
    timeout_at = CASE WHEN webhook_expected = 1 OR deadline_at < :answer_by THEN deadline_at ELSE :answer_by END
 WHERE id IN (SELECT id FROM due)
RETURNING *;

-- name: answer_by
UPDATE generations SET timeout_at = CASE WHEN deadline_at < :answer_by THEN deadline_at ELSE :answer_by END
 WHERE id = :id AND webhook_expected = 0;

-- name: still_submitting
UPDATE generations SET
    timeout_at = CASE WHEN webhook_expected = 1 OR deadline_at < :answer_by THEN deadline_at ELSE :answer_by END
 WHERE id = :id AND status = 'submitting'
RETURNING id;

-- name: generations_of_bulks
SELECT * FROM generations
 WHERE bulk_id IN (
    /* sqlite: SELECT value FROM json_each(:bulks) */
    /* pg: SELECT jsonb_array_elements_text(CAST(:bulks AS JSONB)) */
 )
 ORDER BY id;

-- name: return_to_pending
-- Only for a submission that was surely not accepted, only if no witness has spoken meanwhile, and only for this very try:
-- done twice, it must not take the next one off the wire.
UPDATE generations SET
    status = 'pending', version = version + 1, submit_at = :submit_at, submitted_at = NULL, timeout_at = deadline_at,
    failure = :failure
 WHERE id = :id AND status IN ('submitting', 'submitted') AND external_id IS NULL AND held IS NULL
   AND submit_tries = :tries
RETURNING id;

-- name: return_unsent
-- Guarded by the claim's own moment: where its commit was not made, another process may have claimed it since, for a try of
-- the same number, and has it on the wire.
UPDATE generations SET
    status = 'pending', version = version + 1, submit_at = :submit_at, submitted_at = NULL, timeout_at = deadline_at
 WHERE id = :id AND status = 'submitting' AND external_id IS NULL AND held IS NULL
   AND submit_tries = :tries AND submitted_at = :claimed_at
RETURNING id;

-- name: claim_polls
-- The claim moves the due moment beyond the lease: who dies while asking is forgotten when it passes.
WITH due AS (
    SELECT id FROM generations
     WHERE provider = :provider AND account = :account AND poll_at <= :now
     ORDER BY poll_at, id
     LIMIT :limit
     /* pg: FOR UPDATE SKIP LOCKED */
)
UPDATE generations SET poll_at = :lease_until, asked_at = :now WHERE id IN (SELECT id FROM due)
RETURNING *;

-- name: claim_hinted
-- Whoever a hint asks for is asked about, also of an account whose breaker is open.
WITH due AS (
    SELECT id FROM generations
     WHERE provider = :provider AND account = :account AND poll_at <= :now AND hinted = 1
     ORDER BY poll_at, id
     LIMIT :limit
     /* pg: FOR UPDATE SKIP LOCKED */
)
UPDATE generations SET poll_at = :lease_until, asked_at = :now WHERE id IN (SELECT id FROM due)
RETURNING *;

-- name: waiting_hinted
SELECT COUNT(*) AS waiting FROM (
    SELECT 1 FROM generations
     WHERE provider = :provider AND account = :account AND poll_at <= :now AND hinted = 1
     LIMIT :limit) AS counted;

-- name: claim_probe
-- Whether the provider answers again is found out by somebody it has answered before: whose own trouble opened the breaker, and
-- who is due first therefore, would keep it open.
WITH due AS (
    SELECT id FROM generations
     WHERE provider = :provider AND account = :account AND poll_at <= :now
     ORDER BY poll_misses, poll_at, id
     LIMIT :limit
     /* pg: FOR UPDATE SKIP LOCKED */
)
UPDATE generations SET poll_at = :lease_until, asked_at = :now WHERE id IN (SELECT id FROM due)
RETURNING *;

-- name: claim_poll_of
UPDATE generations SET poll_at = :lease_until, asked_at = :now WHERE id = :id RETURNING *;

-- name: poll_later
-- A question that was not answered. Guarded by the claim's own moment: a settled answer has set its own.
UPDATE generations SET poll_at = :poll_at, poll_misses = poll_misses + 1, hinted = 0
 WHERE id = :id AND poll_at = :lease_until;

-- name: poll_now
UPDATE generations SET poll_at = :now WHERE id = :id AND external_id IS NOT NULL AND closed_at IS NULL;

-- name: hinted
-- At once, but not so soon after the last question, and never later than it would be asked about anyway.
UPDATE generations SET
    hinted = 1,
    poll_at = CASE WHEN asked_at <= :now AND asked_at + :again > :now THEN asked_at + :again ELSE :now END
 WHERE id = :id AND external_id IS NOT NULL AND closed_at IS NULL
   AND (poll_at IS NULL
        OR poll_at > CASE WHEN asked_at <= :now AND asked_at + :again > :now THEN asked_at + :again ELSE :now END);

-- name: ask_once_more
-- Whose bounded wait ended while it could be asked about is given time for one more question, once.
UPDATE generations SET poll_at = :now, timeout_at = :grace_until, grace_until = :grace_until
 WHERE timeout_at <= :now AND grace_until IS NULL AND poll_at IS NOT NULL
RETURNING id;

-- name: claim_overdue
WITH due AS (
    SELECT id FROM generations
     WHERE timeout_at <= :now
     ORDER BY timeout_at, id
     LIMIT :limit
     /* pg: FOR UPDATE SKIP LOCKED */
)
UPDATE generations SET timeout_at = :lease_until WHERE id IN (SELECT id FROM due)
RETURNING *;

-- name: look_later
UPDATE generations SET timeout_at = :timeout_at WHERE id = :id AND timeout_at IS NOT NULL AND closed_at IS NULL;

-- name: open_ledger
-- A row that is not there cannot be locked.
INSERT INTO ledgers (provider, account, spent_until, last_turn, misses, open_until)
VALUES (:provider, :account, 0, NULL, 0, 0)
ON CONFLICT (provider, account) DO NOTHING;

-- name: ledger_of
SELECT * FROM ledgers WHERE provider = :provider AND account = :account /* pg: FOR UPDATE */;

-- name: ledger_seen
SELECT * FROM ledgers WHERE provider = :provider AND account = :account;

-- name: save_ledger
INSERT INTO ledgers (provider, account, spent_until, last_turn, misses, open_until, paused_until)
VALUES (:provider, :account, :spent_until, :last_turn, :misses, :open_until, :paused_until)
ON CONFLICT (provider, account) DO UPDATE SET
    spent_until = excluded.spent_until, last_turn = excluded.last_turn, misses = excluded.misses,
    open_until = excluded.open_until, paused_until = excluded.paused_until;

-- name: doubt_pending (long)
UPDATE generations SET
    status = 'submitting', version = version + 1, submit_at = NULL, submitted_at = :now, failure = NULL,
    timeout_at = CASE WHEN webhook_expected = 1 THEN deadline_at ELSE :now END
 WHERE status = 'pending'
RETURNING id;
