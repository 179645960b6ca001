"""What a dashboard in the browser needs."""
