-- A key may end at a moment that is known beforehand: one that was made for a while, or that another took the place of.

ALTER TABLE api_keys ADD COLUMN expires_at INT/* pg: 8 */;
