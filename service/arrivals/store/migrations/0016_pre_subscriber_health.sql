-- How deliveries to a subscriber went last.
ALTER TABLE subscribers ADD COLUMN last_success_at INT/* pg: 8 */;
ALTER TABLE subscribers ADD COLUMN last_failure_at INT/* pg: 8 */;
ALTER TABLE subscribers ADD COLUMN last_error TEXT;
