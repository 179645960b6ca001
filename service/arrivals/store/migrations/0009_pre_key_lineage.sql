-- A key that takes the place of another speaks for the same caller: what was ordered under one is known under the other.

-- The id of the first key of its line. NULL: the key is the first one itself, or was made before lines were kept.
ALTER TABLE api_keys ADD COLUMN lineage TEXT;
