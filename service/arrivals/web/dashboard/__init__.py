"""Parts for a dashboard in the browser."""
