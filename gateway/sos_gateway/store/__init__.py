"""What is stored: PostgreSQL in earnest, memory for the deterministic level, one interface."""
