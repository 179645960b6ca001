-- When it was last asked about: a hint, or somebody's hand, does not ask again at once.
ALTER TABLE generations ADD COLUMN asked_at INT/* pg: 8 */;

-- How many more came that are counted here and not kept.
ALTER TABLE webhooks ADD COLUMN repeats INT/* pg: 8 */ NOT NULL DEFAULT 0;
-- Of what it says and of who vouches for it, where a generation has so many that they are compared.
ALTER TABLE webhooks ADD COLUMN digest TEXT;
CREATE INDEX webhooks_by_digest ON webhooks (generation_id, digest) WHERE digest IS NOT NULL;
CREATE INDEX webhooks_repeated ON webhooks (provider) WHERE repeats > 0;
