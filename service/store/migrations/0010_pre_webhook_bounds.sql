-- When it was last asked about: a hint, or somebody's hand, does not ask again at once.
ALTER TABLE generations ADD COLUMN asked_at INT/* pg: 8 */;
