"""What people ask for beside the flow: replays, timelines, and forgetting what is old."""
