"""Falls as others recorded them: the recordings, people made of them, how a detector is scored, and what the report says."""
