-- What people tell keys apart by, and how they find those that nobody uses any more.

-- How the key's text begins; NULL: the key was made before this was kept.
ALTER TABLE api_keys ADD COLUMN prefix TEXT;
ALTER TABLE api_keys ADD COLUMN last_used_at INT/* pg: 8 */;
