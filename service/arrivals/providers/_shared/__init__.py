"""What several providers read or write alike."""
