-- Whose provider has said how it ended holds no place of its account while the rest of what it said is waited for.
ALTER TABLE generations ADD COLUMN ended INT/* pg: 8 */ NOT NULL DEFAULT 0;
-- A bounded wait that ends is put off once, so that whoever can be asked is asked once more.
ALTER TABLE generations ADD COLUMN grace_until INT/* pg: 8 */;
DROP INDEX generations_in_flight;
CREATE INDEX generations_in_flight ON generations (provider, account, ended)
    WHERE status = 'submitting' OR status = 'submitted' OR status = 'processing';
