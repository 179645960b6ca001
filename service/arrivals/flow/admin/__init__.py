"""Work beside the flow that people ask for: replays, timelines, and deleting what is old."""
