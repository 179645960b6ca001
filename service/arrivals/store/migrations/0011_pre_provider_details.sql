-- What the provider said beside our words, as JSON.
ALTER TABLE generations ADD COLUMN provider_details TEXT;
-- How many outputs the order asks for; NULL where it does not say.
ALTER TABLE generations ADD COLUMN outputs_requested INT/* pg: 8 */;
-- Whether only a hint has named the external id: it serves to ask by, and is shown to nobody.
ALTER TABLE generations ADD COLUMN external_id_hinted INT/* pg: 8 */ NOT NULL DEFAULT 0;
