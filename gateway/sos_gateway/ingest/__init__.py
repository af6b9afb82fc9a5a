"""From bytes to stored events: lanes, unsealing, alias table."""
