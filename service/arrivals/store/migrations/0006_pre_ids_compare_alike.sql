-- What holds the id of another table is compared byte by byte as the id is: PostgreSQL uses an index of either side only
-- where both sides compare alike. The indexes of these columns are built anew.

/* pg:
ALTER TABLE orders ALTER COLUMN generation_id TYPE TEXT COLLATE "C";
ALTER TABLE kept_outputs ALTER COLUMN generation_id TYPE TEXT COLLATE "C";
ALTER TABLE idempotency_keys ALTER COLUMN generation_id TYPE TEXT COLLATE "C";
ALTER TABLE webhooks ALTER COLUMN generation_id TYPE TEXT COLLATE "C";
ALTER TABLE observations ALTER COLUMN generation_id TYPE TEXT COLLATE "C", ALTER COLUMN webhook_id TYPE TEXT COLLATE "C";
ALTER TABLE events ALTER COLUMN generation_id TYPE TEXT COLLATE "C";
ALTER TABLE deliveries
    ALTER COLUMN event_id TYPE TEXT COLLATE "C",
    ALTER COLUMN generation_id TYPE TEXT COLLATE "C",
    ALTER COLUMN subscriber_id TYPE TEXT COLLATE "C";
ALTER TABLE attempts ALTER COLUMN delivery_id TYPE TEXT COLLATE "C";
ALTER TABLE api_keys ALTER COLUMN id TYPE TEXT COLLATE "C";
ALTER TABLE generations ALTER COLUMN bulk_id TYPE TEXT COLLATE "C";
*/
